import { setTimeout as delay } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { MemoryCatalog } from '../../../src/catalog/memory-catalog.ts';
import type { ChangeBatch } from '../../../src/change/change-batch.ts';
import type { TableSchema } from '../../../src/change/table-schema.ts';
import { CdcError } from '../../../src/errors.ts';
import { Loader } from '../../../src/load/loader.ts';
import { MemoryOds } from '../../../src/load/memory/memory-ods.ts';
import type { Ods, TableLoad } from '../../../src/load/ods.ts';
import { pausedTables } from '../../../src/load/paused-tables.ts';
import { MemoryLog } from '../../../src/log/memory/memory-log.ts';
import { createSilentLogger } from '../../../src/ops/logger.ts';
import {
  aBatch,
  aNote,
  aPosition,
  aSchema,
  rowsSection,
  schemaSection,
} from '../../contract/change-log-batches.ts';

type SinkCall = keyof Omit<Ods, typeof Symbol.asyncDispose>;

/** ODS in memory that keeps what it was asked, and fails when it is told to. */
class WatchedSink extends MemoryOds {
  readonly calls: { call: SinkCall; table: string; load?: TableLoad }[] = [];
  fail: (call: SinkCall, table: string) => Error | undefined = () => undefined;

  override async applySchema(section: Parameters<Ods['applySchema']>[0]): Promise<void> {
    this.#note('applySchema', section.table);
    await super.applySchema(section);
  }

  override async deleteOlder(section: Parameters<Ods['deleteOlder']>[0]): Promise<void> {
    this.#note('deleteOlder', section.table);
    await super.deleteOlder(section);
  }

  override async write(load: TableLoad): Promise<void> {
    this.calls.push({ call: 'write', table: load.schema.table, load });
    const error = this.fail('write', load.schema.table);
    if (error !== undefined) throw error;
    await super.write(load);
  }

  #note(call: SinkCall, table: string): void {
    this.calls.push({ call, table });
    const error = this.fail(call, table);
    if (error !== undefined) throw error;
  }
}

function openLoader(options: { maxBatchBytes?: number; flushMs?: number } = {}) {
  const log = new MemoryLog();
  const catalog = new MemoryCatalog();
  const ods = new WatchedSink();
  const parts = { log, catalog, ods, logger: createSilentLogger() };
  const open = () =>
    new Loader({ ...parts, options: { maxBatchBytes: 1e6, flushMs: 0, ...options } });
  return { ...parts, loader: open(), open };
}

const signal = new AbortController().signal;
const schema = aSchema();

function note(id: number, text: string, of: TableSchema = schema, version = id): ChangeBatch {
  const row = { values: [id, text], version: BigInt(version), deleted: false };
  return aBatch([rowsSection(of, [row])], { position: aPosition(version) });
}

function refusal(table: string): CdcError {
  return new CdcError('CDC_ENGINE_REJECTED', `Loading ${table}: no.`, { details: { table } });
}

describe('a step of the loader', () => {
  test('loads what there is, one write a table, and says what it did', async () => {
    const { log, loader, ods } = openLoader();
    const users = aSchema('shop.users');
    await log.append([
      aBatch([schemaSection(schema), schemaSection(users)]),
      note(1, 'a'),
      note(2, 'b', users),
      { ...note(3, 'c'), committedAtMs: 5, receivedAtMs: 6 },
      aBatch([{ kind: 'sweep', table: 'shop.users', version: 2n }], {
        origin: 'snapshot',
        transactions: 0,
        position: aPosition(999),
      }),
    ]);
    expect(loader.position()).toBeUndefined();
    expect(await loader.step(signal)).toEqual({
      from: 0,
      to: 5,
      position: aPosition(3),
      tables: new Set(['shop.orders', 'shop.users']),
      rows: 3,
      transactions: 4,
      committedAtMs: 5,
      receivedAtMs: 6,
      sweeps: [{ kind: 'sweep', table: 'shop.users', version: 2n }],
      resnapshotted: [],
      paused: [],
    });
    expect(ods.calls.filter(({ call }) => call === 'write')).toHaveLength(2);
    expect(ods.rows('shop.orders')).toEqual([
      { id: 1, note: 'a' },
      { id: 3, note: 'c' },
    ]);
    expect(loader.offset()).toBe(5);
    expect(loader.position()).toEqual(aPosition(3));
    expect(await loader.step(signal)).toBeUndefined();
  });

  test('takes no more bytes than it may', async () => {
    const { log, loader } = openLoader({ maxBatchBytes: 2_000 });
    const notes = [1, 2, 3, 4].map((id) => aNote(id, 900));
    await log.append([aBatch([schemaSection(schema)]), ...notes]);
    const steps = [await loader.step(signal), await loader.step(signal)];
    expect(steps.map((step) => step?.rows)).toEqual([2, 2]);
  });

  test('gathers changes that follow closely for flushMs, and sends a lone one at once', async () => {
    const { log, loader } = openLoader({ flushMs: 60_000 });
    await log.append([aBatch([schemaSection(schema)]), note(1, 'a')]);
    expect((await loader.step(signal))?.rows).toBe(1);
    await log.append([note(2, 'b')]);
    const abort = new AbortController();
    let ended = false;
    const gathering = loader.step(abort.signal).finally(() => {
      ended = true;
    });
    // All is in memory: without gathering the step would be through long before.
    for (let turn = 0; turn < 100; turn++) await new Promise(setImmediate);
    expect(ended).toBe(false);
    abort.abort();
    expect(await gathering).toBeUndefined();
    expect(loader.offset()).toBe(2);
  });

  test('keeps the barriers of a table in their place', async () => {
    const { log, loader, ods } = openLoader();
    await log.append([
      aBatch([
        schemaSection(schema),
        ...note(1, 'old').sections,
        { kind: 'truncate', table: schema.table, version: 5n },
        ...note(6, 'new').sections,
      ]),
    ]);
    await loader.step(signal);
    expect(ods.calls.map(({ call }) => call)).toEqual([
      'applySchema',
      'write',
      'deleteOlder',
      'write',
    ]);
    expect(ods.rows(schema.table)).toEqual([{ id: 6, note: 'new' }]);
  });

  test('repeats a transient failure with the same token', async () => {
    const { log, loader, ods } = openLoader();
    await log.append([aBatch([schemaSection(schema)]), note(1, 'a')]);
    let failures = 2;
    ods.fail = (call) =>
      call === 'write' && failures-- > 0
        ? new CdcError('CDC_ENGINE_UNREACHABLE', 'gone')
        : undefined;
    await loader.step(signal);
    const writes = ods.calls.flatMap(({ load }) => (load ? [load] : []));
    expect(writes).toHaveLength(3);
    expect(new Set(writes.map(({ token }) => token)).size).toBe(1);
    expect(ods.rows(schema.table)).toHaveLength(1);
  });

  test('ends a pause between attempts when its signal aborts, with nothing committed', async () => {
    const { log, loader, ods } = openLoader();
    await log.append([aBatch([schemaSection(schema)]), note(1, 'a')]);
    const abort = new AbortController();
    ods.fail = () => {
      abort.abort(new Error('stopped'));
      return new CdcError('CDC_ENGINE_UNREACHABLE', 'gone');
    };
    await expect(loader.step(abort.signal)).rejects.toThrow('stopped');
    expect(loader.offset()).toBe(0);
  });
});

describe('after a crash the loader', () => {
  test('sends the same rows with the same tokens, though more has come', async () => {
    const { log, loader, open, ods } = openLoader();
    await log.append([aBatch([schemaSection(schema)]), note(1, 'a')]);
    const crash = new Error('crash');
    ods.fail = (call) => (call === 'write' ? crash : undefined);
    await expect(loader.step(signal)).rejects.toBe(crash);
    await log.append([note(2, 'b')]);
    ods.fail = () => undefined;

    expect(await open().step(signal)).toMatchObject({ from: 0, to: 2, rows: 1 });
    const writes = ods.calls.flatMap(({ load }) => (load ? [load] : []));
    expect(writes).toHaveLength(2);
    expect(writes[1]).toEqual(writes[0]);
    const next = await open().step(signal);
    expect(next).toMatchObject({ from: 2, to: 3 });
    expect(ods.calls.at(-1)?.load?.token).not.toBe(writes[0]?.token);
  });

  test('does not send rows again that a schema change came after', async () => {
    const { log, loader, open, ods } = openLoader();
    const wider: TableSchema = {
      ...schema,
      version: 'v2',
      columns: schema.columns.filter(({ name }) => name === 'id'),
    };
    const row = { values: [2], version: 2n, deleted: false };
    await log.append([
      aBatch([schemaSection(schema), ...note(1, 'a').sections]),
      aBatch([schemaSection(wider), rowsSection(wider, [row])]),
    ]);
    ods.fail = () => (ods.calls.length === 4 ? new Error('crash') : undefined);
    await expect(loader.step(signal)).rejects.toThrow('crash');
    ods.fail = () => undefined;
    ods.calls.length = 0;
    await open().step(signal);
    expect(ods.calls.map(({ call }) => call)).toEqual(['applySchema', 'write']);
    expect(ods.rows(schema.table)).toEqual([{ id: 1 }, { id: 2 }]);
  });
});

describe('a table that ODS refuses for good', () => {
  const users = aSchema('shop.users');
  const schemas = aBatch([schemaSection(schema), schemaSection(users)]);

  async function paused() {
    const opened = openLoader();
    const { log, loader, ods } = opened;
    ods.fail = (call, table) =>
      call === 'write' && table === 'shop.orders' ? refusal(table) : undefined;
    await log.append([schemas, note(1, 'a'), note(2, 'b', users)]);
    const step = await loader.step(signal);
    ods.fail = () => undefined;
    return { ...opened, step };
  }

  test('is paused under its name, and the others go on', async () => {
    const { log, loader, ods, step, catalog } = await paused();
    expect(step?.paused).toMatchObject([{ table: 'shop.orders', skippedRows: 1 }]);
    expect(step?.tables).toEqual(new Set(['shop.users']));
    expect(ods.rows('shop.users')).toHaveLength(1);
    await log.append([note(3, 'c'), note(4, 'd', users)]);
    expect(await loader.step(signal)).toMatchObject({ rows: 1, paused: [] });
    expect(pausedTables(catalog).get('shop.orders')).toMatchObject({
      code: 'CDC_ENGINE_REJECTED',
      message: 'Loading shop.orders: no.',
      remedy: expect.stringContaining('cdc init --tables shop.orders'),
      skippedRows: 2,
    });
    expect(ods.rows('shop.orders')).toEqual([]);
  });

  test('is made anew with its next change when it is released', async () => {
    const { log, loader, ods, catalog } = await paused();
    await ods.write({
      schema,
      rowCount: 1,
      chunks: [note(9, 'rest').sections[0]].flatMap((each) =>
        each?.kind === 'rows' ? [each.bytes] : [],
      ),
      token: 't',
    });
    await loader.release(['shop.orders', 'shop.users']);
    expect(pausedTables(catalog).size).toBe(0);
    await log.append([note(5, 'e'), note(6, 'f', users)]);
    expect(await loader.step(signal)).toMatchObject({ resnapshotted: ['shop.orders'], rows: 2 });
    expect(ods.rows('shop.orders')).toEqual([{ id: 5, note: 'e' }]);
    expect(ods.rows('shop.users')).toHaveLength(2);
    await log.append([note(7, 'g')]);
    expect(await loader.step(signal)).toMatchObject({ resnapshotted: [], rows: 1 });
    expect(ods.rows('shop.orders')).toHaveLength(2);
  });

  test('is made anew once, though the step that does it is repeated', async () => {
    const { log, loader, ods, open } = await paused();
    await loader.release(['shop.orders']);
    await log.append([note(5, 'e')]);
    ods.fail = (call) => (call === 'write' ? new Error('crash') : undefined);
    await expect(loader.step(signal)).rejects.toThrow('crash');
    ods.fail = () => undefined;
    expect(await open().step(signal)).toMatchObject({ resnapshotted: ['shop.orders'] });
    await log.append([note(6, 'f')]);
    expect(await open().step(signal)).toMatchObject({ resnapshotted: [] });
    expect(ods.rows('shop.orders')).toHaveLength(2);
  });

  test('goes on by itself with a schema change that reads it again', async () => {
    const { log, loader, ods, catalog } = await paused();
    await log.append([
      note(5, 'skipped'),
      aBatch([schemaSection(schema, { existingRows: 'resnapshot' }), ...note(6, 'f').sections]),
    ]);
    expect(await loader.step(signal)).toMatchObject({ rows: 1, resnapshotted: ['shop.orders'] });
    expect(ods.rows('shop.orders')).toEqual([{ id: 6, note: 'f' }]);
    expect(pausedTables(catalog).size).toBe(0);
  });

  test('is not what a refusal means that names no table', async () => {
    const { log, loader, ods, catalog } = openLoader();
    await log.append([schemas, note(1, 'a')]);
    const wide = new CdcError('CDC_ENGINE_REJECTED', 'no space');
    ods.fail = (call) => (call === 'write' ? wide : undefined);
    await expect(loader.step(signal)).rejects.toBe(wide);
    expect(pausedTables(catalog).size).toBe(0);
    expect(loader.offset()).toBe(0);
  });
});

test('a step with nothing to load ends, also when memory is collected meanwhile', async () => {
  const { loader } = openLoader();
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const collecting = setInterval(collect, 20);
  try {
    const { signal } = new AbortController();
    const ended = loader.step(signal).then(() => 'ended');
    expect(await Promise.race([ended, delay(5_000, 'waits on')])).toBe('ended');
  } finally {
    clearInterval(collecting);
  }
});
