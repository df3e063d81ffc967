import type { BucketChoice, Checksum, PrepareOptions, Progress } from '../sink.ts';
import { incompatibleTable } from '../sink-errors.ts';
import { deletedColumn, type SinkTable, versionColumn } from '../sink-table.ts';
import { checksumStatement, readBackStatement } from './checksum-statements.ts';
import type { ProgressTable } from './progress-table.ts';
import type { Session, SessionPool, Work } from './session-pool.ts';
import { planStatements, type TableOptions, tableName } from './stored-table.ts';
import { findTable } from './table-catalog.ts';

/** For statements that read or rewrite a whole table. */
export const longSeconds = 6 * 3600;

export interface TableStoreOptions {
  /** Of the sink, for messages. */
  readonly name: string;
  readonly pool: SessionPool;
  readonly tables: TableOptions;
  readonly progress: ProgressTable;
  /** Statements that begin a transaction with the settings we need; none where statements stand alone. */
  readonly begin: (seconds: number) => readonly string[];
  /** What stands behind CREATE TABLE (...), and the statements that follow it. */
  readonly creation: (table: SinkTable) => {
    readonly storage: string;
    readonly after: readonly string[];
  };
}

/** What `prepare` has to do, in this order. */
export interface TableChanges {
  /** Creates what is common to all tables. */
  readonly common: readonly string[];
  readonly table: readonly string[];
  /** Remembers which columns are ours. */
  readonly note: string;
}

/** The tables of one sink in a store that speaks PostgreSQL's SQL: how they are, not how they are filled. */
export class TableStore {
  readonly #options: TableStoreOptions;

  constructor(options: TableStoreOptions) {
    this.#options = options;
  }

  all(): Promise<ReadonlyMap<string, Progress>> {
    const { name, pool, progress } = this.#options;
    return pool.use({ doing: `Reading the progress of sink ${name}` }, (session) =>
      progress.all(session),
    );
  }

  plan(table: SinkTable, options: PrepareOptions): Promise<readonly string[]> {
    return this.#options.pool.use(workOn('Looking at', table), async (session) => {
      const asked = { ...options, mayAlter: true };
      const { common, table: own } = await this.changes(session, table, asked);
      return [...common, ...own];
    });
  }

  /** Throws CDC_SINK_INCOMPATIBLE where there are some and may be none, CDC_SINK_FOREIGN where another sink fills the table. */
  async changes(
    session: Session,
    table: SinkTable,
    { drop, mayAlter }: PrepareOptions,
  ): Promise<TableChanges> {
    const { tables, progress, creation } = this.#options;
    const common = await progress.missing(session);
    const isFirst = common.length > 0;
    if (!isFirst) await progress.assertUnshared(session, table);
    const before = isFirst ? [] : await progress.columns(session, table);
    const found = await findTable(session, tables.schema, table);
    const { storage, after } = creation(table);
    const mayDrop = drop ? before : [];
    const planned = planStatements(table, found, tables, { mayDrop, storage });
    const own =
      found === undefined ? [...planned.slice(0, 1), ...after, ...planned.slice(1)] : planned;
    if (!mayAlter && own.length > 0) {
      throw incompatibleTable(table.source, `the store does not fit: ${own.join('; ')}`);
    }
    const names = [...table.columns.map(({ name }) => name), versionColumn, deletedColumn];
    const ours = drop ? names : [...new Set([...before, ...names])];
    return { common, table: own, note: progress.noteColumns(table, ours) };
  }

  drop(table: SinkTable): Promise<void> {
    const { pool, progress, tables } = this.#options;
    return pool.use(workOn('Dropping', table), async (session) => {
      const isMissing = (await progress.missing(session)).length > 0;
      const drop = `DROP TABLE IF EXISTS ${tableName(tables, table)}`;
      const statements = isMissing ? [drop] : [drop, progress.forget(table)];
      const begin = this.#options.begin(longSeconds);
      if (begin.length > 0) await session.run([...begin, ...statements, 'COMMIT']);
      // Repeated after a crash in between, it ends the same.
      else for (const statement of statements) await session.run([statement]);
    });
  }

  checksums(table: SinkTable, digits: number): Promise<readonly Checksum[]> {
    const { pool, tables } = this.#options;
    return pool.use(workOn('Comparing', table, longSeconds), async (session) => {
      const begin = this.#options.begin(longSeconds);
      if (begin.length > 0) await session.run(begin);
      const rows = await session.rows<Record<'bucket' | 'rows' | 'sum1' | 'sum2', string>>(
        checksumStatement(table, tables, digits),
      );
      if (begin.length > 0) await session.run(['COMMIT']);
      return rows.map(({ bucket, rows: count, sum1, sum2 }) => {
        return { bucket, rows: Number(count), sum1: BigInt(sum1), sum2: BigInt(sum2) };
      });
    });
  }

  async *readBack(table: SinkTable, buckets?: BucketChoice): AsyncGenerator<Buffer, void> {
    const { pool, tables } = this.#options;
    const sql = readBackStatement(table, tables, buckets);
    const work = workOn('Reading', table, longSeconds);
    yield* pool.stream(work, (session) => session.copyOut(sql));
  }
}

/** `doing` a table. */
export function workOn(doing: string, { source }: SinkTable, seconds?: number): Work {
  return { doing: `${doing} ${source}`, table: source, ...(seconds !== undefined && { seconds }) };
}

/** The rows of a batch. */
export function writing(table: SinkTable): Work {
  return { ...workOn('Writing', table), hasRows: true };
}
