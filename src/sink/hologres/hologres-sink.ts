import type { Problem } from '../../errors.ts';
import { lineTexts } from '../line-rows.ts';
import { sweepStatement } from '../postgres/merge-statements.ts';
import { checkServer } from '../postgres/preflight.ts';
import { ProgressTable } from '../postgres/progress-table.ts';
import { SessionPool } from '../postgres/session-pool.ts';
import { type TableOptions, tableName } from '../postgres/stored-table.ts';
import { longSeconds, TableStore, workOn, writing } from '../postgres/table-store.ts';
import type { PostgresTypes } from '../postgres/type-map.ts';
import type {
  BucketChoice,
  Checksum,
  LineBatch,
  LineSink,
  PrepareOptions,
  Progress,
  ProgressStep,
  Sweep,
} from '../sink.ts';
import type { SinkTable } from '../sink-table.ts';
import { fixedPlanStatements } from './fixed-plan.ts';
import type { HologresSinkOptions } from './options.ts';
import { propertyCalls } from './table-properties.ts';
import { assertKey, hologresTypes } from './type-map.ts';

/** Hologres 2 calls itself PostgreSQL 11. */
const needs = { version: 110_000, temporaryTables: false };

/**
 * Hologres: rows by its fixed plan, then the progress. At least once, converging: rows carry versions, and a row that is written again
 * is the same. Two processes that fill the same tables are told from one another before a batch, not within it, so there must be
 * one only.
 */
export class HologresSink implements LineSink {
  readonly takes = 'lines';
  readonly format = 'JSONCompactEachRow';
  readonly formatSettings = {
    output_format_json_quote_64bit_integers: 1,
    output_format_json_quote_decimals: 1,
    output_format_json_quote_denormals: 1,
  };
  readonly types: PostgresTypes;
  readonly #options: HologresSinkOptions;
  readonly #tables: TableOptions;
  readonly #pool: SessionPool;
  readonly #progress: ProgressTable;
  readonly #store: TableStore;
  #preparing: Promise<void> = Promise.resolve();
  /** Connections that write one batch. */
  readonly #writers: number;

  constructor(options: HologresSinkOptions) {
    const { schema, name, maxConnections, parallelTables } = options;
    this.#options = options;
    this.types = hologresTypes(options);
    this.#tables = { schema, deletes: 'hard', types: this.types, canRetype: false };
    this.#pool = new SessionPool(options);
    this.#progress = new ProgressTable(schema, name);
    this.#store = new TableStore({
      name,
      pool: this.#pool,
      tables: this.#tables,
      progress: this.#progress,
      begin: () => [],
      creation: (table) => {
        assertKey(table);
        return { storage: '', after: propertyCalls(tableName(this.#tables, table), table) };
      },
    });
    this.#writers = Math.max(1, Math.floor(maxConnections / parallelTables));
  }

  preflight(): Promise<Problem[]> {
    return checkServer(this.#pool, this.#options, needs);
  }

  progress(): Promise<ReadonlyMap<string, Progress>> {
    return this.#store.all();
  }

  plan(table: SinkTable, options: PrepareOptions): Promise<readonly string[]> {
    return this.#store.plan(table, options);
  }

  async prepare(table: SinkTable, options: PrepareOptions): Promise<void> {
    // One after the other, because Hologres has no lock for it.
    const before = this.#preparing;
    const mine = before.catch(() => undefined).then(() => this.#prepare(table, options));
    this.#preparing = mine;
    await mine;
  }

  async write({ table, body, step }: LineBatch): Promise<void> {
    await this.#assertFollows(table, step);
    const statements = fixedPlanStatements(
      table,
      this.#tables,
      lineTexts(body),
      this.#options.rowsPerStatement,
    );
    // Every key is there once, so the order of statements does not matter.
    const writers = Array.from({ length: this.#writers }, () =>
      this.#pool.use(writing(table), async (session) => {
        for (const { sql, values } of statements) await session.rows(sql, values);
      }),
    );
    for (const { status, ...rest } of await Promise.allSettled(writers)) {
      if (status === 'rejected') throw (rest as PromiseRejectedResult).reason;
    }
    await this.#keep(table, step);
  }

  async sweep(table: SinkTable, { below, step }: Sweep): Promise<void> {
    await this.#assertFollows(table, step);
    await this.#pool.use(workOn('Sweeping', table, longSeconds), (session) =>
      session.run([sweepStatement(table, this.#tables, below)]),
    );
    await this.#keep(table, step);
  }

  drop(table: SinkTable): Promise<void> {
    return this.#store.drop(table);
  }

  checksums(table: SinkTable, digits: number): Promise<readonly Checksum[]> {
    return this.#store.checksums(table, digits);
  }

  readBack(table: SinkTable, buckets?: BucketChoice): AsyncIterable<Buffer> {
    return this.#store.readBack(table, buckets);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool[Symbol.asyncDispose]();
  }

  #prepare(table: SinkTable, options: PrepareOptions): Promise<void> {
    return this.#pool.use(workOn('Preparing', table, longSeconds), async (session) => {
      const changes = await this.#store.changes(session, table, options);
      // Properties are taken only in the transaction that creates the table; rows are not written in one with DDL.
      const own = changes.table.length === 0 ? [] : ['BEGIN', ...changes.table, 'COMMIT'];
      for (const statement of [...changes.common, ...own, changes.note]) {
        await session.run([statement]);
      }
    });
  }

  #assertFollows(table: SinkTable, step: ProgressStep): Promise<void> {
    return this.#pool.use(workOn('Writing', table), async (session) => {
      const found = (await this.#progress.all(session)).get(table.source);
      const rows = found === undefined ? [] : [{ sequence: String(found.sequence) }];
      this.#progress.assertFollows(table, rows, step);
    });
  }

  #keep(table: SinkTable, { next }: ProgressStep): Promise<unknown> {
    return this.#pool.use(workOn('Writing', table), (session) =>
      session.run([this.#progress.keep(table, next)]),
    );
  }
}
