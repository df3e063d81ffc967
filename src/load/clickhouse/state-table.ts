import { odsDatabase } from './ddl.ts';

/** What the state table needs of an engine; `ClickhouseEngine` fits. */
export interface StateEngine {
  command(sql: string): Promise<unknown>;
  rows<T>(
    sql: string,
    options?: { readonly params: Readonly<Record<string, unknown>> },
  ): Promise<T[]>;
  insert(insert: {
    readonly table: string;
    readonly columns: readonly string[];
    readonly format: 'JSONEachRow';
    readonly body: readonly Buffer[];
  }): Promise<number>;
}

/** A value as it is stored. Its version says who wrote it when: epoch of the scope, then a counter. */
export interface StateRow {
  readonly scope: string;
  readonly key: string;
  /** JSON; empty for a value that was removed. */
  readonly value: string;
  readonly version: bigint;
}

export interface StoredState extends StateRow {
  /** By the engine's clock. */
  readonly writtenAtMs: number;
}

/** Some rows, all as of one moment of the engine's clock. */
export interface StateReading {
  readonly nowMs: number;
  readonly rows: readonly StoredState[];
}

const table = `${odsDatabase}._state`;

/**
 * `_ods._state`: what loaders and layers remember of the load, beside the data it is about. Every write
 * is one INSERT, so all of it is there or nothing; of a key the row of the highest version counts,
 * whenever it arrived.
 */
export class StateTable {
  readonly #engine: StateEngine;

  constructor(engine: StateEngine) {
    this.#engine = engine;
  }

  async create(): Promise<void> {
    await this.#engine.command(`CREATE DATABASE IF NOT EXISTS ${odsDatabase}`);
    await this.#engine.command(
      `CREATE TABLE IF NOT EXISTS ${table} (scope String, key String, value String, version UInt64, ` +
        'writtenAt DateTime64(3) DEFAULT now64(3)) ' +
        'ENGINE = ReplacingMergeTree(version) ORDER BY (scope, key)',
    );
  }

  async write(rows: readonly StateRow[]): Promise<void> {
    const lines = rows.map((row) => JSON.stringify({ ...row, version: row.version.toString() }));
    await this.#engine.insert({
      table,
      columns: ['scope', 'key', 'value', 'version'],
      format: 'JSONEachRow',
      body: [Buffer.from(`${lines.join('\n')}\n`)],
    });
  }

  /** Values of these keys, or of all, in every scope that begins with `scope`. */
  async read(scope: string, keys?: readonly string[]): Promise<StateReading> {
    const wanted = keys === undefined ? '' : ' AND key IN {keys:Array(String)}';
    // The first row is there whatever the table holds, and has the time.
    const found = await this.#engine.rows<{
      scope: string;
      key: string;
      value: string;
      version: string;
      writtenAtMs: string;
      nowMs: string;
    }>(
      "SELECT '' AS scope, '' AS key, '' AS value, toUInt64(0) AS version, toInt64(0) AS writtenAtMs, " +
        'toUnixTimestamp64Milli(now64(3)) AS nowMs UNION ALL ' +
        'SELECT scope, key, argMax(value, s.version), max(s.version), ' +
        'toUnixTimestamp64Milli(argMax(writtenAt, s.version)), toInt64(0) ' +
        `FROM ${table} AS s WHERE startsWith(scope, {scope:String})${wanted} GROUP BY scope, key`,
      { params: { scope, ...(keys && { keys }) } },
    );
    const now = found.find(({ nowMs }) => Number(nowMs) > 0);
    return {
      nowMs: Number(now?.nowMs ?? 0),
      rows: found
        .filter((row) => row !== now)
        .map(({ nowMs: _, version, writtenAtMs, ...row }) => ({
          ...row,
          version: BigInt(version),
          writtenAtMs: Number(writtenAtMs),
        })),
    };
  }
}
