import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openCatalog } from '../../src/catalog/lmdb-catalog.ts';
import type { ChangeBatch } from '../../src/change/change-batch.ts';
import type { ChangeLog } from '../../src/log/change-log.ts';
import { EmbeddedLog } from '../../src/log/embedded/embedded-log.ts';
import { MemoryLog } from '../../src/log/memory/memory-log.ts';
import { openTempFolder } from '../support/temp-folder.ts';
import { waitUntil } from '../support/wait-until.ts';
import { aBatch, aNote, aSchema, rowsSection, schemaSection } from './change-log-batches.ts';

interface OpenedLog extends AsyncDisposable {
  readonly log: ChangeLog;
}

const implementations: Record<string, (maxBytes?: number) => Promise<OpenedLog>> = {
  memory: async (maxBytes = 1e9) => {
    const log = new MemoryLog({ maxBytes });
    return { log, [Symbol.asyncDispose]: () => log[Symbol.asyncDispose]() };
  },
  embedded: async (maxBytes = 1e9) => {
    const folder = await openTempFolder();
    const catalog = openCatalog(join(folder.path, 'catalog'));
    const log = new EmbeddedLog(catalog, { maxBytes, retainBytes: 0 });
    const close = async () => {
      await log[Symbol.asyncDispose]();
      await catalog[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    };
    return { log, [Symbol.asyncDispose]: close };
  },
};

describe.each(Object.entries(implementations))('the %s change log', (_name, open) => {
  test('gives back what was appended, in order, with every field', async () => {
    await using opened = await open();
    const { log } = opened;
    const schema = aSchema();
    const batches = [
      aBatch([
        schemaSection(schema, { existingRows: 'resnapshot', defaults: { note: "'a'" } }),
        rowsSection(schema, [{ values: [1, 'ü'], version: 2n ** 62n, deleted: false }]),
        { kind: 'truncate', table: schema.table, version: 2n ** 62n + 1n },
        rowsSection(schema, [{ values: [2, null], version: 2n ** 62n + 2n, deleted: true }]),
        { kind: 'sweep', table: schema.table, version: 7n },
      ]),
      aBatch([], { origin: 'snapshot', transactions: 0 }),
    ];
    expect(await log.append(batches)).toBe(2);
    expect(await log.read(0, 1e9)).toEqual(
      batches.map((batch, offset) => ({ offset, next: offset + 1, batch })),
    );
    expect(await log.read(1, 1e9)).toHaveLength(1);
    expect(await log.read(2, 1e9)).toEqual([]);
    expect(log.end()).toBe(2);
  });

  test('reads up to a number of bytes, but at least one entry', async () => {
    await using opened = await open();
    await opened.log.append([aNote(1, 1_000), aNote(2, 1_000), aNote(3, 1_000)]);
    expect(await opened.log.read(0, 1)).toHaveLength(1);
    expect(await opened.log.read(0, 2_900)).toHaveLength(2);
    expect(await opened.log.read(1, 1e9)).toHaveLength(2);
  });

  test('leaves out the sections of tables that are not wanted, and keeps every entry', async () => {
    await using opened = await open();
    const [orders, users] = [aSchema('shop.orders'), aSchema('shop.users')];
    const row = { values: [1, 'x'.repeat(1_000)], version: 1n, deleted: false };
    const both = aBatch([rowsSection(orders, [row]), rowsSection(users, [row])]);
    const other = aBatch([rowsSection(users, [row])]);
    await opened.log.append([other, other, both, both]);
    const wanted = (table: string) => table === 'shop.orders';
    const read = await opened.log.read(0, 1_500, wanted);
    expect(read.map(({ next }) => next)).toEqual([1, 2, 3]);
    expect(read.map(({ batch }) => batch.sections.map(({ table }) => table))).toEqual([
      [],
      [],
      ['shop.orders'],
    ]);
    expect(read[0]?.batch.position).toEqual(other.position);
  });

  test('keeps the order of appends that were not awaited one by one', async () => {
    await using opened = await open();
    const ids = Array.from({ length: 200 }, (_, index) => index);
    const ends = await Promise.all(ids.map((id) => opened.log.append([aNote(id, 'n')])));
    expect(ends.at(-1)).toBe(200);
    const versions = (await opened.log.read(0, 1e9)).map(({ batch }) => rowVersion(batch));
    expect(versions).toEqual(ids.map(BigInt));
  });

  test('sets and removes checkpoints with the append', async () => {
    await using opened = await open();
    const { log } = opened;
    await log.append([aNote(1, 'a')], {
      checkpoints: { 'snapshot/a.b': { rows: 1 }, 'snapshot/a.c': 2, stream: 'x' },
    });
    expect(log.checkpoint('stream')).toBe('x');
    expect([...log.checkpoints('snapshot/')]).toEqual([
      ['snapshot/a.b', { rows: 1 }],
      ['snapshot/a.c', 2],
    ]);
    await log.append([], { checkpoints: { 'snapshot/a.b': undefined } });
    expect([...log.checkpoints('snapshot/').keys()]).toEqual(['snapshot/a.c']);
    expect(log.checkpoint('snapshot/a.b')).toBeUndefined();
  });

  test('shows an open transaction, its checkpoint and its schema when the last part is there', async () => {
    await using opened = await open();
    const { log } = opened;
    const schema = aSchema();
    const open1 = aBatch([schemaSection(schema), ...aNote(1, 'a').sections]);
    await log.append([open1], { open: true, checkpoints: { stream: 1 } });
    await log.append([aNote(2, 'b')], { open: true });
    expect(log.end()).toBe(0);
    expect(await log.read(0, 1e9)).toEqual([]);
    expect(log.checkpoint('stream')).toBeUndefined();
    expect(log.schemas().size).toBe(0);

    await log.append([aNote(3, 'c')], { checkpoints: { stream: 3 } });
    expect((await log.read(0, 1e9)).map(({ batch }) => rowVersion(batch))).toEqual([1n, 2n, 3n]);
    expect(log.checkpoint('stream')).toBe(3);
    expect(log.schemas().get(schema.table)).toEqual(schema);
  });

  test('takes chunks of a snapshot while a transaction is open, without ending it', async () => {
    await using opened = await open();
    const { log } = opened;
    await log.append([aNote(1, 'part')], { open: true });
    await log.append([{ ...aNote(9, 'chunk'), origin: 'snapshot' }]);
    await log.append([], { checkpoints: { bare: true } });
    expect((await log.read(0, 1e9)).map(({ batch }) => rowVersion(batch))).toEqual([9n]);
    expect(log.checkpoint('bare')).toBe(true);
    await log.append([aNote(2, 'last part')]);
    expect((await log.read(0, 1e9)).map(({ batch }) => rowVersion(batch))).toEqual([9n, 1n, 2n]);
  });

  test('forgets the open parts of a stream that begins anew', async () => {
    await using opened = await open();
    const { log } = opened;
    await log.append([aNote(1, 'part')], { open: true, checkpoints: { stream: 1 } });
    await log.discardOpen();
    await log.append([aNote(2, 'other')]);
    expect((await log.read(0, 1e9)).map(({ batch }) => rowVersion(batch))).toEqual([2n]);
    expect(log.checkpoint('stream')).toBeUndefined();
  });

  test('remembers every schema version and the newest of each table', async () => {
    await using opened = await open();
    const { log } = opened;
    const versions = ['v1', 'v2'].map((version) => aSchema('shop.orders', version));
    const other = aSchema('shop.users', 'v9');
    await log.append(versions.map((schema) => aBatch([schemaSection(schema)])));
    await log.append([aBatch([schemaSection(other)])]);
    expect(log.schema('shop.orders', 'v1')).toEqual(versions[0]);
    expect(log.schema('shop.orders', 'v9')).toBeUndefined();
    expect(log.schemas()).toEqual(
      new Map([
        ['shop.orders', versions[1]],
        ['shop.users', other],
      ]),
    );
  });

  test('wakes a reader when its entry is readable, and when it gives up', async () => {
    await using opened = await open();
    const { log } = opened;
    const abort = new AbortController();
    const arrived = log.waitFor(0, abort.signal);
    await log.append([aNote(1, 'a')]);
    await arrived;
    await log.waitFor(0, abort.signal);
    const never = log.waitFor(5, abort.signal);
    abort.abort();
    await never;
    expect(log.end()).toBe(1);
  });

  test('keeps entries until every consumer has committed past them', async () => {
    await using opened = await open();
    const { log } = opened;
    expect(log.committed('a')).toBe(0);
    expect(log.committed('b')).toBe(0);
    await log.append([aNote(1, 1_000), aNote(2, 1_000), aNote(3, 1_000)]);
    await log.commit('a', 3);
    expect(log.stats().firstOffset).toBe(0);
    await log.commit('b', 2);
    expect(log.stats()).toMatchObject({ firstOffset: 2, end: 3, entries: 1 });
    expect(log.committed('a')).toBe(3);
    expect(await log.read(2, 1e9)).toHaveLength(1);
    await expect(log.read(1, 1e9)).rejects.toThrow(/begins at 2/);
    await log.commit('b', 3);
    expect(log.stats()).toMatchObject({ entries: 0, bytes: 0, end: 3 });
    expect(await log.append([aNote(4, 'd')])).toBe(4);
  });

  test('makes append wait while a consumer is too far behind, and goes on in order', async () => {
    await using opened = await open(5_000);
    const { log } = opened;
    log.committed('slow');
    await log.append([aNote(1, 6_000)]);
    const done: number[] = [];
    const waiting = [2, 3].map((id) => log.append([aNote(id, 10)]).then((end) => done.push(end)));
    const abort = new AbortController();
    const givenUp = log.append([aNote(4, 10)], { signal: abort.signal });
    abort.abort(new Error('enough'));
    await expect(givenUp).rejects.toThrow('enough');
    await new Promise(setImmediate);
    expect(done).toEqual([]);
    await log.commit('slow', 1);
    await waitUntil('the appends are through', () => done.length === 2);
    await Promise.all(waiting);
    const rest = (await log.read(1, 1e9)).map(({ batch }) => rowVersion(batch));
    expect(rest).toEqual([2n, 3n]);
  });

  test('rejects an append that waits when the log is closed', async () => {
    await using opened = await open(10);
    const { log } = opened;
    log.committed('slow');
    await log.append([aNote(1, 1_000)]);
    const waiting = log.append([aNote(2, 10)]);
    const rejected = expect(waiting).rejects.toThrow(/closed/);
    await log[Symbol.asyncDispose]();
    await rejected;
  });
});

/** The first row's version: 8 of the last 9 bytes. */
function rowVersion(batch: ChangeBatch): bigint | undefined {
  const section = batch.sections.find(({ kind }) => kind === 'rows');
  return section?.kind === 'rows'
    ? section.bytes.readBigUInt64LE(section.bytes.length - 9)
    : undefined;
}
