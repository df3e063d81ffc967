import type { RowEngine } from './row-engine.ts';

/** A row that a store does not take. */
export interface DeadRow {
  readonly sink: string;
  /** `SinkTable.source`. */
  readonly table: string;
  /** JSON array of the key's texts, strings as hex: as `RowSelect` makes it. */
  readonly key: string;
  readonly version: string;
  readonly reason: string;
  /** ISO 8601, UTC. */
  readonly at: string;
}

const table = '`_sinks`.`dead_rows`';

/**
 * Rows that stores have refused, in the warehouse: which, of what version, and why. The row itself is not kept: it is in the
 * warehouse, and trying again sends its state of then, so that nothing newer is overwritten.
 */
export class DeadRows {
  readonly #engine: RowEngine;
  #isCreated = false;

  constructor(engine: RowEngine) {
    this.#engine = engine;
  }

  async add(rows: readonly Omit<DeadRow, 'at'>[]): Promise<void> {
    if (rows.length === 0) return;
    await this.#create();
    const lines = rows.map((row) => JSON.stringify({ ...row, kept: 1 }));
    await this.#insert(['sink', 'table', 'key', 'version', 'reason', 'kept'], lines);
  }

  /** Adds what a statement finds (`key`, `version`, `reason`); says how many. */
  async addFound(sink: string, source: string, found: string): Promise<number> {
    await this.#create();
    const { writtenRows } = await this.#engine.command(
      `INSERT INTO ${table} (sink, table, key, version, reason, kept) ` +
        `SELECT {sink:String}, {table:String}, key, version, reason, 1 FROM (${found})`,
      { params: { sink, table: source } },
    );
    return writtenRows;
  }

  /** In the order of their tables and keys; of all sinks when none is named. */
  async list(sink?: string): Promise<DeadRow[]> {
    await this.#create();
    const where = sink === undefined ? '' : ' AND sink = {sink:String}';
    return this.#engine.rows<DeadRow>(
      `SELECT sink, table, key, toString(version) AS version, reason, ` +
        `formatDateTime(at, '%FT%TZ', 'UTC') AS at FROM ${table} FINAL WHERE kept${where} ORDER BY sink, table, key`,
      sink === undefined ? {} : { params: { sink } },
    );
  }

  /** Forgets rows: they were taken, or are not wanted. */
  async drop(rows: readonly Pick<DeadRow, 'sink' | 'table' | 'key'>[]): Promise<void> {
    if (rows.length === 0) return;
    await this.#create();
    const lines = rows.map(({ sink, table: of, key }) =>
      JSON.stringify({ sink, table: of, key, version: 0, reason: '', kept: 0 }),
    );
    await this.#insert(['sink', 'table', 'key', 'version', 'reason', 'kept'], lines);
  }

  async #insert(columns: readonly string[], lines: readonly string[]): Promise<void> {
    const body = [Buffer.from(`${lines.join('\n')}\n`)];
    await this.#engine.insert({ table, columns, format: 'JSONEachRow', body });
  }

  async #create(): Promise<void> {
    if (this.#isCreated) return;
    await this.#engine.command('CREATE DATABASE IF NOT EXISTS `_sinks`');
    await this.#engine.command(
      `CREATE TABLE IF NOT EXISTS ${table} (sink String, table String, key String, version UInt64, reason String, ` +
        `kept UInt8, at DateTime64(6, 'UTC') DEFAULT now64(6)) ENGINE = ReplacingMergeTree(at) ORDER BY (sink, table, key)`,
    );
    this.#isCreated = true;
  }
}
