import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { engineSettings } from '../../src/engine/engine-settings.ts';
import { Chdb } from '../../src/engine/server/chdb.ts';
import { CdcError } from '../../src/errors.ts';
import type { SqlEngine, StatementOptions } from '../../src/layers/sql-engine.ts';

/** Rows as the client of the real engine gives them: large numbers as text. */
const jsonSettings = {
  output_format_json_quote_64bit_integers: 1,
  output_format_json_quote_decimals: 1,
};

/** For tables of a few rows: planning costs more than running, and threads more than they bring. */
export const forSmallTables = {
  max_threads: 1,
  max_insert_threads: 1,
  compile_expressions: 0,
  compile_aggregate_expressions: 0,
  enable_join_runtime_filters: 0,
  query_plan_optimize_join_order_limit: 0,
} as const;

/** The engine in this process, with the settings of the real one; for tests of the layers alone. */
export class InProcessEngine implements SqlEngine, AsyncDisposable {
  readonly #chdb: Chdb;
  readonly #folder: string;
  readonly #settings: Readonly<Record<string, string | number>>;
  /** Called before each statement; may throw to break a refresh off there. */
  beforeStatement: ((sql: string) => void) | undefined;
  statements = 0;

  private constructor(
    chdb: Chdb,
    folder: string,
    settings: Readonly<Record<string, string | number>>,
  ) {
    this.#chdb = chdb;
    this.#folder = folder;
    this.#settings = settings;
  }

  /** `more` are settings of every statement that change no result. */
  static async open(
    more: Readonly<Record<string, string | number>> = {},
  ): Promise<InProcessEngine> {
    const folder = await mkdtemp(join(tmpdir(), 'cdc-layers-'));
    const settings = { ...engineSettings, ...jsonSettings, ...more };
    const connectionArgs = Object.entries(settings).map(([name, value]) => `--${name}=${value}`);
    return new InProcessEngine(Chdb.open(folder, connectionArgs), folder, settings);
  }

  /** Empties these tables, as happens to tables in memory when the engine is killed and started again. */
  forget(tables: readonly string[]): void {
    using connection = this.#chdb.connect();
    for (const table of tables) connection.prepare(`TRUNCATE TABLE IF EXISTS ${table}`);
  }

  async command(
    sql: string,
    options: StatementOptions = {},
  ): Promise<{ readonly writtenRows: number }> {
    return { writtenRows: (await this.#run(sql, options)).writtenRows };
  }

  async rows<T = Record<string, unknown>>(
    sql: string,
    options: StatementOptions = {},
  ): Promise<T[]> {
    const { text } = await this.#run(sql, options);
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as T);
  }

  async #run(
    statement: string,
    { signal, settings = {} }: StatementOptions,
  ): Promise<{ text: string; writtenRows: number }> {
    signal?.throwIfAborted();
    const list = Object.entries(settings).map(([name, value]) => `${name} = '${value}'`);
    const sql = list.length === 0 ? statement : `${statement} SETTINGS ${list.join(', ')}`;
    this.beforeStatement?.(sql);
    this.statements += 1;
    using connection = this.#chdb.connect();
    // The connection knows nothing of the settings that the first one was opened with.
    const own = Object.entries(this.#settings);
    connection.prepare(`SET ${own.map(([name, value]) => `${name} = '${value}'`).join(', ')}`);
    try {
      if (/^\s*INSERT/i.test(sql)) {
        const { rowsWritten } = await connection.insert(sql);
        return { text: '', writtenRows: rowsWritten };
      }
      const { bytes } = await connection.run(sql, 'JSONEachRow');
      return { text: bytes.toString('utf8'), writtenRows: 0 };
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      const engineCode = Number(/Code: (\d+)/.exec(message)?.[1] ?? 0);
      throw new CdcError('CDC_ENGINE_REJECTED', message, { details: { engineCode, sql } });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#chdb.close();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
