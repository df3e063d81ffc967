import type { Problem } from '../../errors.ts';
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
import { sinkError } from '../sink-errors.ts';
import type { SinkTable } from '../sink-table.ts';
import { copyIntoStage, createStage, mergeStage, sweepStatement } from './merge-statements.ts';
import type { PostgresSinkOptions } from './options.ts';
import { checkServer } from './preflight.ts';
import { ProgressTable } from './progress-table.ts';
import { type Session, SessionPool } from './session-pool.ts';
import type { TableOptions } from './stored-table.ts';
import { longSeconds, TableStore, workOn, writing } from './table-store.ts';
import { type PostgresTypes, postgresTypes } from './type-map.ts';

/** Whoever makes tables of ours in a database does so alone; any number that nobody else uses. */
const makingTables = 5_432_017;
/** A process that stopped in the middle of a transaction holds up others no longer than this. */
const idleSeconds = 60;
const needs = { version: 130_000, temporaryTables: true };

/**
 * PostgreSQL: a batch is one transaction of three round trips, exactly once.
 *
 *     BEGIN, SELECT sequence ... FOR UPDATE, CREATE TEMPORARY TABLE   who comes second waits here, and is stale then
 *     COPY                                                            the engine's bytes as they are
 *     DELETE, INSERT ... ON CONFLICT, progress, COMMIT
 *
 * Lines of TabSeparated are COPY's own text form; how each type's values are written is in type-map.ts.
 */
export class PostgresSink implements LineSink {
  readonly takes = 'lines';
  readonly format = 'TabSeparated';
  readonly types: PostgresTypes;
  readonly #options: PostgresSinkOptions;
  readonly #tables: TableOptions;
  readonly #pool: SessionPool;
  readonly #progress: ProgressTable;
  readonly #store: TableStore;

  constructor(options: PostgresSinkOptions) {
    const { schema, deletes, name } = options;
    this.#options = options;
    this.types = postgresTypes(options);
    this.#tables = { schema, deletes, types: this.types, canRetype: true };
    this.#pool = new SessionPool(options);
    this.#progress = new ProgressTable(schema, name);
    this.#store = new TableStore({
      name,
      pool: this.#pool,
      tables: this.#tables,
      progress: this.#progress,
      begin: (seconds) => this.#begin(seconds),
      creation: ({ settings }) => {
        const { fillFactor } = settings as { readonly fillFactor?: number };
        const storage = fillFactor === undefined ? '' : ` WITH (fillfactor = ${fillFactor})`;
        return { storage, after: [] };
      },
    });
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

  prepare(table: SinkTable, options: PrepareOptions): Promise<void> {
    return this.#pool.use(workOn('Preparing', table, longSeconds), async (session) => {
      const lock = `SELECT pg_advisory_xact_lock(${makingTables})`;
      await session.run([...this.#begin(longSeconds), lock]);
      const changes = await this.#store.changes(session, table, options);
      await session.run([...changes.common, ...changes.table, changes.note, 'COMMIT']);
    });
  }

  write({ table, body, rowCount, step }: LineBatch): Promise<void> {
    return this.#pool.use(writing(table), async (session) => {
      await this.#follow(session, table, step, createStage(table, this.#tables));
      const copied = await session.copyIn(copyIntoStage, body);
      if (copied !== rowCount) {
        const why = `the store took ${copied} rows of ${rowCount}.`;
        throw sinkError('CDC_SINK_FAILED', `Writing ${table.source}`, why);
      }
      const keep = this.#progress.keep(table, step.next);
      await session.run([...mergeStage(table, this.#tables), keep, 'COMMIT']);
    });
  }

  sweep(table: SinkTable, { below, step }: Sweep): Promise<void> {
    return this.#pool.use(workOn('Sweeping', table, longSeconds), async (session) => {
      await this.#follow(session, table, step, `SET LOCAL statement_timeout = '${longSeconds}s'`);
      const sweep = sweepStatement(table, this.#tables, below);
      await session.run([sweep, this.#progress.keep(table, step.next), 'COMMIT']);
    });
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

  /** Settings end with the transaction: behind a pooler the session may be somebody else's next. */
  #begin(seconds: number = this.#options.statementTimeoutSeconds): string[] {
    return [
      'BEGIN',
      `SET LOCAL statement_timeout = '${seconds}s'`,
      `SET LOCAL lock_timeout = '${this.#options.lockTimeoutSeconds}s'`,
      `SET LOCAL idle_in_transaction_session_timeout = '${idleSeconds}s'`,
      `SET LOCAL TimeZone = 'UTC'`,
      `SET LOCAL IntervalStyle = 'postgres'`,
      'SET LOCAL jit = off',
    ];
  }

  async #follow(session: Session, table: SinkTable, step: ProgressStep, then: string) {
    const begin = this.#begin();
    const results = await session.run([...begin, this.#progress.lock(table), then]);
    this.#progress.assertFollows(table, results[begin.length]?.rows ?? [], step);
  }
}
