import { expect, test } from 'vitest';
import type { ChangeBatch, Section } from '../../../src/change/change-batch.ts';
import { MemoryLog } from '../../../src/log/memory/memory-log.ts';
import { createSilentLogger } from '../../../src/ops/logger.ts';
import { RoutedLog } from '../../../src/pipeline/routed-log.ts';
import { routedTables, sourceSchemas } from '../../../src/pipeline/routed-tables.ts';
import { createRouter } from '../../../src/route/rule-router.ts';
import {
  batchOf,
  declare,
  encodeSpecRow,
  optionsOf,
  rowsOf,
  type SpecColumns,
  schemaOf,
} from '../route/route-spec.ts';

const merged = {
  businesses: [{ name: 'b', tables: ['*.*'], merge: [{ tables: 's.o_*', into: 's.o' }] }],
};
const shard = (number: number, more: SpecColumns = {}) =>
  schemaOf(`s.o_${number}`, { id: 'bigint', ...more });

async function open(route: unknown) {
  const log = new MemoryLog();
  const stopped = new Set<string>();
  const router = createRouter(optionsOf(route), { project: 'p' });
  const make = () =>
    new RoutedLog({ log, router, logger: createSilentLogger(), stopped: () => stopped });
  const routed = make();
  const { signal } = new AbortController();
  const append = (sections: readonly Section[], origin: ChangeBatch['origin'], isOpen = false) =>
    routed.append(batchOf(sections, origin), { open: isOpen, signal, checkpoints: () => ({}) });
  const sections = async () =>
    (await log.read(0, Number.MAX_SAFE_INTEGER)).flatMap(({ batch }) => batch.sections);
  return { log, routed, append, sections, make, stopped };
}

const row = (number: number, id: number, more: SpecColumns = {}) => {
  const schema = shard(number, more);
  return rowsOf(schema, [encodeSpecRow(schema, { id }, BigInt(id))]);
};

test('the log has what the tables become, and the source sees its own schemas, also after a restart', async () => {
  const { log, append, make } = await open({
    ...merged,
    columns: [{ tables: 's.users', column: 'phone', mask: '*' }],
  });
  const users = schemaOf('s.users', { id: 'bigint', phone: 'int' });
  const plain = schemaOf('s.plain', { id: 'bigint' });
  await append(
    [users, plain, shard(1), shard(2)].map((schema) => declare(schema)),
    'stream',
  );
  expect([...log.schemas().keys()].sort()).toEqual(['s.o', 's.plain', 's.users']);
  expect(log.schemas().get('s.users')?.columns[1]?.type).toEqual({ kind: 'string' });
  expect(log.schemas().get('s.plain')).toEqual(plain);
  const known = [...sourceSchemas(log).values()].sort((a, b) => (a.table < b.table ? -1 : 1));
  expect(known).toEqual([shard(1), shard(2), plain, users]);
  expect(routedTables(log).get('s.o_2')).toMatchObject({
    target: 's.o',
    only: { column: 'shard', value: 's.o_2' },
  });
  expect(make().source('s.users')).toEqual(users);
});

test('what an open transaction changes counts for its own rows only, until it is whole', async () => {
  const { log, routed, append, sections } = await open(merged);
  await append([declare(shard(1)), declare(shard(2))], 'stream');
  const before = log.schemas().get('s.o')?.version;
  await append([declare(shard(1, { n: 'int?' })), row(1, 10, { n: 'int?' })], 'stream', true);
  await append([row(2, 20)], 'snapshot');
  await append([row(2, 30)], 'stream', true);
  await append([row(2, 40)], 'stream');
  await append([row(2, 50)], 'snapshot');
  const after = log.schemas().get('s.o')?.version;
  expect(after).not.toBe(before);
  const found = (await sections()).flatMap((section) =>
    section.kind === 'rows'
      ? [[section.bytes.readBigUInt64LE(section.bytes.length - 9), section.schemaVersion]]
      : [],
  );
  expect(found).toEqual([
    [20n, before],
    [10n, after],
    [30n, after],
    [40n, after],
    [50n, after],
  ]);
  // A transaction that breaks off takes its schema with it.
  await append([declare(shard(1, { n: 'int?', m: 'int?' }))], 'stream', true);
  await routed.discardOpen();
  expect(routed.source('s.o_1')).toEqual(shard(1, { n: 'int?' }));
  await append([row(1, 60, { n: 'int?' })], 'stream');
  expect((await sections()).at(-1)).toMatchObject({ schemaVersion: after });
});

test('a batch that cannot be routed leaves the log and what is known as they were', async () => {
  const { log, routed, append } = await open(merged);
  await append([declare(shard(1, { n: 'int' })), declare(shard(2, { n: 'int' }))], 'stream');
  const end = log.end();
  await expect(append([declare(shard(1, { n: 'string' }))], 'stream')).rejects.toMatchObject({
    code: 'CDC_ROUTE_INVALID',
    details: { table: 's.o_1' },
  });
  expect(log.end()).toBe(end);
  expect(routed.source('s.o_1')).toEqual(shard(1, { n: 'int' }));
});

test('routes and the rows left out are remembered over a restart', async () => {
  const { log, append, make } = await open({
    lookup: {
      table: 'm.routes',
      key: 'event',
      business: 'business',
      event: { tables: 'a.events', column: 'name' },
      unmatched: 'drop',
    },
  });
  const routes = schemaOf('m.routes', { id: 'int', event: 'string', business: 'string' });
  const events = schemaOf('a.events', { id: 'bigint', name: 'string' });
  const event = (id: number, name: string) =>
    rowsOf(events, [encodeSpecRow(events, { id, name }, BigInt(id))]);
  await append([declare(routes), declare(events)], 'stream');
  const first = encodeSpecRow(routes, { id: 1, event: 'click', business: 'ads' }, 5n);
  await append([rowsOf(routes, [first])], 'snapshot');
  await append([event(10, 'view')], 'stream');
  const again = make();
  expect(again.hasLookup).toBe(true);
  const { signal } = new AbortController();
  for (const batch of [batchOf([event(11, 'view')]), batchOf([event(12, 'click')])]) {
    await again.append(batch, { signal, checkpoints: () => ({}) });
  }
  expect(log.checkpoint('route/unmatched/a.events')).toBe(2);
  const last = (await log.read(0, Number.MAX_SAFE_INTEGER)).at(-1);
  expect(last?.batch.sections).toMatchObject([{ table: 'a.events', rowCount: 1 }]);
});
