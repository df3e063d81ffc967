import { expect, test } from 'vitest';
import { createSilentLogger } from '../../src/ops/logger.ts';
import { HiveSink } from '../../src/sink/hive/hive-sink.ts';
import type { HiveStore } from '../../src/sink/hive/hive-table.ts';
import { StateFiles } from '../../src/sink/hive/table-state.ts';
import { LocalStore } from '../../src/sink/lake/store/local-store.ts';
import type { RowEngine } from '../../src/sink/row-engine.ts';
import type { SinkTable } from '../../src/sink/sink-table.ts';
import { openTempFolder } from '../support/temp-folder.ts';

const table: SinkTable = {
  source: 'shop.orders',
  target: 'orders',
  key: ['id'],
  columns: [
    {
      name: 'id',
      type: { kind: 'int', bits: 32, unsigned: false },
      nullable: false,
      isKey: true,
      engineType: 'Int32',
    },
  ],
  settings: {},
};
const grown: SinkTable = {
  ...table,
  columns: [
    ...table.columns,
    { name: 'note', type: { kind: 'string' }, nullable: true, isKey: false, engineType: 'String' },
  ],
};

/** The process ends before, or after, one of its calls to the outside. */
class Fate {
  #left: number;
  hasCome = false;

  constructor(calls: number) {
    this.#left = calls;
  }

  async meet<T>(call: () => Promise<T>): Promise<T> {
    if (this.hasCome) throw new Error('the process is dead');
    const isBefore = this.#left-- === 0;
    if (isBefore) this.#come();
    const result = await call();
    if (this.#left-- === 0) this.#come();
    return result;
  }

  #come(): never {
    this.hasCome = true;
    throw new Error('the process is dead');
  }
}

/**
 * What the statements of the sink come to, when a table's rows are just the numbers of the batches they came with: a delta has those of
 * its files, INSERT those of the tables it reads, and so has the view.
 */
class Warehouse {
  readonly #written = new Map<string, ReadonlySet<number>>();
  readonly #tables = new Set<string>();
  #view: string[] = [];
  readonly #files: LocalStore;

  constructor(files: LocalStore) {
    this.#files = files;
  }

  async run(sql: string): Promise<void> {
    const names = [...sql.matchAll(/`(orders__\w+)`/g)].map(([, name = '']) => name);
    const [first = '', ...read] = names;
    if (sql.startsWith('CREATE EXTERNAL TABLE')) this.#tables.add(first);
    else if (sql.startsWith('DROP TABLE')) this.#tables.delete(first);
    else if (sql.startsWith('CREATE OR REPLACE VIEW')) this.#view = names;
    else if (sql.startsWith('INSERT OVERWRITE TABLE')) {
      // As in Hive, what is read while it is written would be lost.
      if (this.#view.includes(first)) throw new Error(`${first} is written while it is read`);
      this.#written.set(first, await this.#rowsOf(read));
    }
  }

  async shown(): Promise<number[]> {
    return [...(await this.#rowsOf(this.#view))].sort((a, b) => a - b);
  }

  async #rowsOf(names: readonly string[]): Promise<Set<number>> {
    const rows = new Set<number>();
    for (const name of names) {
      if (!this.#tables.has(name)) throw new Error(`the view reads ${name}, which is gone`);
      for (const row of this.#written.get(name) ?? []) rows.add(row);
      const folder = `orders/${name.replace('orders__', '')}/`;
      for (const file of await this.#files.list(folder)) {
        const sequence = /(\d+)-token-\d+\.parquet$/.exec(file.name)?.[1];
        if (sequence !== undefined) rows.add(Number(sequence));
      }
    }
    return rows;
  }
}

const engine = {
  async *query() {
    yield Buffer.from('rows');
  },
} as unknown as RowEngine;

function openSink(files: LocalStore, warehouse: Warehouse, fate: Fate): HiveSink {
  const mortal: HiveStore['files'] = {
    address: files.address,
    locate: (name) => files.locate(name),
    list: (prefix) => fate.meet(() => files.list(prefix)),
    folders: (prefix) => fate.meet(() => files.folders(prefix)),
    get: (name) => fate.meet(() => files.get(name)),
    put: (name, body) => fate.meet(() => files.put(name, body)),
    putIfAbsent: (name, body) => fate.meet(() => files.putIfAbsent(name, body)),
    delete: (name) => fate.meet(() => files.delete(name)),
  };
  const sessions: HiveStore['sessions'] = {
    run: async (...statements) => {
      for (const sql of statements) await fate.meet(() => warehouse.run(sql));
    },
    all: async () => [['ods']],
    async *rows() {},
    async [Symbol.asyncDispose]() {},
  };
  const store: HiveStore = {
    ...{ files: mortal, sessions, states: new StateFiles(mortal), database: 'ods' },
    ...{ location: files.address, format: 'parquet', logger: createSilentLogger() },
    ...{ compactFiles: 2, keepOldMs: 0, keepDeletedMs: 0 },
  };
  return new HiveSink(store, 'dt');
}

/** Five batches, a column in the middle, from wherever the store is. */
async function work(sink: HiveSink): Promise<void> {
  let sequence = (await sink.progress()).get(table.source)?.sequence ?? 0;
  let known = sequence < 2 ? table : grown;
  await sink.prepare(known, { drop: true, mayAlter: true });
  for (; sequence < 5; sequence++) {
    const wanted = sequence < 2 ? table : grown;
    if (wanted !== known) await sink.prepare(wanted, { drop: true, mayAlter: true });
    known = wanted;
    const step = {
      follows: sequence,
      next: { sequence: sequence + 1, value: `{"at":${sequence}}` },
    };
    const token = `token-${sequence}`;
    const rest = { maxRows: 1, select: 'SELECT 1', engine, isRepair: false };
    await sink.write({ table: known, token, step, ...rest, refuse: async () => {} });
  }
}

test('wherever a process ends, the view shows every batch whose progress is kept, and the next one goes on', async () => {
  let crashes = 0;
  for (let calls = 0; ; calls++) {
    await using folder = await openTempFolder();
    const files = new LocalStore(folder.path);
    const warehouse = new Warehouse(files);
    const fate = new Fate(calls);
    await work(openSink(files, warehouse, fate)).catch((error: unknown) => {
      if (!fate.hasCome) throw error;
    });
    const next = openSink(files, warehouse, new Fate(Number.POSITIVE_INFINITY));
    const kept = (await next.progress()).get(table.source)?.sequence ?? 0;
    const shown = await warehouse.shown();
    expect(shown).toEqual(expect.arrayContaining(Array.from({ length: kept }, (_, at) => at + 1)));
    await work(next);
    expect(await warehouse.shown(), `after ${calls} calls`).toEqual([1, 2, 3, 4, 5]);
    if (!fate.hasCome) break;
    crashes += 1;
  }
  expect(crashes).toBeGreaterThan(60);
}, 120_000);
