import type { Problem } from '../../errors.ts';
import type {
  BucketChoice,
  Checksum,
  LineBatch,
  LineSink,
  PrepareOptions,
  Progress,
  Sweep,
} from '../sink.ts';
import { incompatibleTable, sinkError } from '../sink-errors.ts';
import { deletedColumn, type SinkTable, versionColumn } from '../sink-table.ts';
import { checksumStatement, readBackStatement } from './checksum-statements.ts';
import { copyIntoStage, createStage, mergeStage, sweepStatement } from './merge-statements.ts';
import type { PostgresSinkOptions } from './options.ts';
import { checkServer } from './preflight.ts';
import { ProgressTable } from './progress-table.ts';
import { type Session, SessionPool, type Work } from './session-pool.ts';
import { planStatements, type TableOptions, tableName } from './stored-table.ts';
import { findTable } from './table-catalog.ts';
import { type PostgresTypes, postgresTypes } from './type-map.ts';

/** Whoever makes tables of ours in a database does so alone; any number that nobody else uses. */
const makingTables = 5_432_017;
/** A process that stopped in the middle of a transaction holds up others no longer than this. */
const idleSeconds = 60;
const needs = { version: 130_000, temporaryTables: true };
/** For statements that read or rewrite a whole table. */
const longSeconds = 6 * 3600;

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
  readonly #tables: TableOptions;
  readonly #options: PostgresSinkOptions;
  readonly #pool: SessionPool;
  readonly #progress: ProgressTable;

  constructor(options: PostgresSinkOptions) {
    this.#options = options;
    this.types = postgresTypes(options);
    const { schema, deletes } = options;
    this.#tables = { schema, deletes, types: this.types, canRetype: true };
    this.#pool = new SessionPool(options);
    this.#progress = new ProgressTable(options.schema, options.name);
  }

  preflight(): Promise<Problem[]> {
    return checkServer(this.#pool, this.#options, needs);
  }

  progress(): Promise<ReadonlyMap<string, Progress>> {
    const doing = `Reading the progress of sink ${this.#options.name}`;
    return this.#pool.use({ doing }, (session) => this.#progress.all(session));
  }

  plan(table: SinkTable, options: PrepareOptions): Promise<readonly string[]> {
    return this.#pool.use(workOn('Looking at', table), async (session) => {
      const missing = await this.#progress.missing(session);
      return [...missing, ...(await this.#plan(session, table, options, missing.length > 0))];
    });
  }

  prepare(table: SinkTable, options: PrepareOptions): Promise<void> {
    return this.#pool.use(workOn('Preparing', table, longSeconds), async (session) => {
      const lock = `SELECT pg_advisory_xact_lock(${makingTables})`;
      await session.run([...this.#begin(longSeconds), lock]);
      const missing = await this.#progress.missing(session);
      if (missing.length === 0) await this.#progress.assertUnshared(session, table);
      const statements = await this.#plan(session, table, options, missing.length > 0);
      if (!options.mayAlter && statements.length > 0) {
        throw incompatibleTable(table.source, `the store does not fit: ${statements.join('; ')}`);
      }
      const names = [...table.columns.map(({ name }) => name), versionColumn, deletedColumn];
      const before = missing.length > 0 ? [] : await this.#progress.columns(session, table);
      const ours = options.drop ? names : [...new Set([...before, ...names])];
      const note = this.#progress.noteColumns(table, ours);
      await session.run([...missing, ...statements, note, 'COMMIT']);
    });
  }

  write({ table, body, rowCount, step }: LineBatch): Promise<void> {
    return this.#pool.use(workOn('Writing', table), async (session) => {
      await this.#follow(session, table, step, [createStage(table, this.#tables)]);
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
      await this.#follow(session, table, step, [`SET LOCAL statement_timeout = '${longSeconds}s'`]);
      const sweep = sweepStatement(table, this.#tables, below);
      await session.run([sweep, this.#progress.keep(table, step.next), 'COMMIT']);
    });
  }

  drop(table: SinkTable): Promise<void> {
    return this.#pool.use(workOn('Dropping', table), async (session) => {
      await session.run(this.#begin());
      const isMissing = (await this.#progress.missing(session)).length > 0;
      const forget = isMissing ? [] : [this.#progress.forget(table)];
      const drop = `DROP TABLE IF EXISTS ${tableName(this.#tables, table)}`;
      await session.run([...forget, drop, 'COMMIT']);
    });
  }

  checksums(table: SinkTable, digits: number): Promise<readonly Checksum[]> {
    return this.#pool.use(workOn('Comparing', table, longSeconds), async (session) => {
      await session.run(this.#begin(longSeconds));
      const rows = await session.rows<Record<'bucket' | 'rows' | 'sum1' | 'sum2', string>>(
        checksumStatement(table, this.#tables, digits),
      );
      await session.run(['COMMIT']);
      return rows.map(({ bucket, rows: count, sum1, sum2 }) => {
        return { bucket, rows: Number(count), sum1: BigInt(sum1), sum2: BigInt(sum2) };
      });
    });
  }

  async *readBack(table: SinkTable, buckets?: BucketChoice): AsyncGenerator<Buffer, void> {
    const sql = readBackStatement(table, this.#tables, buckets);
    yield* this.#pool.stream(workOn('Reading', table, longSeconds), (session) =>
      session.copyOut(sql),
    );
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

  async #follow(
    session: Session,
    table: SinkTable,
    step: LineBatch['step'],
    then: readonly string[],
  ): Promise<void> {
    const begin = this.#begin();
    const results = await session.run([...begin, this.#progress.lock(table), ...then]);
    this.#progress.assertFollows(table, results[begin.length]?.rows ?? [], step);
  }

  async #plan(
    session: Session,
    table: SinkTable,
    { drop }: PrepareOptions,
    isFirst: boolean,
  ): Promise<string[]> {
    const found = await findTable(session, this.#options.schema, table);
    const mayDrop = drop && !isFirst ? await this.#progress.columns(session, table) : [];
    const { fillFactor } = table.settings as { readonly fillFactor?: number };
    const storage = fillFactor === undefined ? '' : ` WITH (fillfactor = ${fillFactor})`;
    return planStatements(table, found, this.#tables, { mayDrop, storage });
  }
}

function workOn(doing: string, { source }: SinkTable, seconds?: number): Work {
  return { doing: `${doing} ${source}`, table: source, ...(seconds !== undefined && { seconds }) };
}
