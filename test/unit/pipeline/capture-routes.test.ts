import { expect, test } from 'vitest';
import { MemoryCatalog } from '../../../src/catalog/memory-catalog.ts';
import type { TableSchema } from '../../../src/change/table-schema.ts';
import { MemoryOds } from '../../../src/load/memory/memory-ods.ts';
import { groupByTable } from '../../../src/load/table-operations.ts';
import { MemoryLog } from '../../../src/log/memory/memory-log.ts';
import { createSilentLogger } from '../../../src/ops/logger.ts';
import { Capture } from '../../../src/pipeline/capture.ts';
import {
  type StoppedTable,
  stoppedPrefix,
  streamCheckpoint,
} from '../../../src/pipeline/capture-state.ts';
import { sourceSchemas } from '../../../src/pipeline/routed-tables.ts';
import { createRouter } from '../../../src/route/rule-router.ts';
import { MemorySource } from '../../../src/source/memory/memory-source.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { optionsOf, schemaOf } from '../route/route-spec.ts';

/** A source and a log that outlive the capture between them. */
async function open() {
  const log = new MemoryLog();
  const source = new MemorySource({
    chunkRows: 2,
    partRows: 3,
    knownSchema: (table) => sourceSchemas(log).get(table),
  });
  await log.append([], { checkpoints: { [streamCheckpoint]: await source.currentPosition() } });
  const start = (route: unknown) => {
    const stop = new AbortController();
    const capture = new Capture({
      source,
      log,
      catalog: new MemoryCatalog(),
      router: createRouter(optionsOf(route), { project: 'p' }),
      logger: createSilentLogger(),
      parallelTables: 2,
      only: () => true,
      onError: () => undefined,
    });
    const ended = capture.run(stop.signal);
    ended.catch(() => undefined);
    return {
      ended,
      /** Everything committed so far is in the log. */
      caughtUp: async () => {
        await waitUntil('every table is read', async () => {
          const missing = await capture.missingTables();
          return missing.length === 0;
        });
        const { position } = await source.endPosition();
        await waitUntil('the stream is at its end', () => {
          const streamed = log.checkpoint<{ offset: number }>(streamCheckpoint);
          return (streamed?.offset ?? 0) >= position.offset;
        });
      },
      async [Symbol.asyncDispose]() {
        stop.abort();
        await ended;
      },
    };
  };
  /** The log from its beginning, in ODS of its own. */
  const replay = async (table: string) => {
    const ods = new MemoryOds();
    const entries = await log.read(0, Number.MAX_SAFE_INTEGER);
    for (const operation of groupByTable(entries, new Map()).get(table) ?? []) {
      if (operation.kind === 'schema') await ods.applySchema(operation);
      else if (operation.kind !== 'rows') await ods.deleteOlder(operation);
      else {
        const schema = log.schema(table, operation.schemaVersion);
        if (schema === undefined) throw new Error(`no schema ${operation.schemaVersion}`);
        await ods.write({ ...operation, schema, token: '' });
      }
    }
    return ods.rows(table);
  };
  return { log, source, start, replay };
}

const merged = {
  businesses: [{ name: 'b', tables: ['*.*'], merge: [{ tables: 's.o_*', into: 's.o' }] }],
  filter: [{ tables: 's.o_*', where: 'id != 13' }],
};
const shard = (number: number, more: Record<string, string> = {}): TableSchema =>
  schemaOf(`s.o_${number}`, { id: 'int', ...more });

test('shards read, changed, altered and emptied while others go on are the one table they should be', async () => {
  const { source, start, replay } = await open();
  const ids = (count: number) => Array.from({ length: count }, (_, id) => ({ id }));
  source.createTable(shard(1), ids(7));
  source.createTable(shard(2), ids(5));
  {
    await using running = start(merged);
    await running.caughtUp();
    source.commit([
      { insert: 's.o_1', row: { id: 13 } },
      { update: 's.o_2', key: { id: 4 }, row: { id: 13 } },
      { delete: 's.o_1', row: { id: 0 } },
    ]);
    await running.caughtUp();
  }
  const shown = (rows: Awaited<ReturnType<typeof replay>>) =>
    rows.map(({ shard: part, id, ...rest }) => [
      `${String(part)} ${String(id)}`,
      ...Object.values(rest),
    ]);
  const first = ['s.o_1 1', 's.o_1 2', 's.o_1 3', 's.o_1 4', 's.o_1 5', 's.o_1 6'];
  const second = ['s.o_2 0', 's.o_2 1', 's.o_2 2', 's.o_2 3'];
  expect(shown(await replay('s.o'))).toEqual([...first, ...second].map((each) => [each]));
  {
    await using running = start(merged);
    source.alterTable(shard(1, { n: 'int' }), {
      existingRows: 'keep',
      defaults: { n: '5' },
      rows: [1, 2, 3, 4, 5, 6, 13].map((id) => ({ id, n: 5 })),
    });
    source.truncateTable('s.o_2');
    source.commit([0, 1, 2, 3, 4].map((id) => ({ insert: 's.o_2', row: { id } })));
    await running.caughtUp();
    await running.caughtUp();
  }
  expect(shown(await replay('s.o'))).toEqual([
    ...first.map((each) => [each, 5]),
    ...[...second, 's.o_2 4'].map((each) => [each, null]),
  ]);
});

test('an event without a route stops its table at once, also when nothing comes behind it', async () => {
  const { log, source, start } = await open();
  const route = {
    lookup: {
      table: 'm.routes',
      key: 'event',
      business: 'business',
      event: { tables: 'a.events', column: 'name' },
      unmatched: 'stop',
    },
  };
  source.createTable(schemaOf('m.routes', { id: 'int', event: 'string', business: 'string' }), [
    { id: 1, event: 'click', business: 'ads' },
  ]);
  source.createTable(schemaOf('a.events', { id: 'int', name: 'string' }));
  source.createTable(schemaOf('a.other', { id: 'int' }));
  await using running = start(route);
  await running.caughtUp();
  source.commit([{ insert: 'a.events', row: { id: 1, name: 'click' } }]);
  await running.caughtUp();
  source.commit([{ insert: 'a.events', row: { id: 2, name: 'view' } }]);
  const stopped = () => log.checkpoint<StoppedTable>(`${stoppedPrefix}a.events`);
  await waitUntil('the table is stopped', () => stopped() !== undefined);
  expect(stopped()).toMatchObject({ code: 'CDC_ROUTE_UNMATCHED', table: 'a.events' });
  // The others go on.
  source.commit([{ insert: 'a.other', row: { id: 1 } }]);
  await running.caughtUp();
});

test('a lookup table that is not there ends the capture, and says so', async () => {
  const { source, start } = await open();
  source.createTable(schemaOf('a.events', { id: 'int', name: 'string' }));
  const running = start({
    lookup: {
      table: 'm.routes',
      key: 'event',
      business: 'business',
      event: { tables: 'a.events', column: 'name' },
      unmatched: 'drop',
    },
  });
  await expect(running.ended).rejects.toMatchObject({
    code: expect.stringMatching(/^CDC_(TABLE_NOT_FOUND|ROUTE_INVALID)$/),
  });
});
