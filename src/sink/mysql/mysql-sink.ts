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
import { incompatibleTable, rejectedRows } from '../sink-errors.ts';
import { deletedColumn, type SinkTable, versionColumn } from '../sink-table.ts';
import type { TypeMap } from '../type-map.ts';
import { findTable } from './found-table.ts';
import type { MysqlSinkOptions } from './options.ts';
import { checkServer, hasMd5 } from './preflight.ts';
import { ProgressTable } from './progress-table.ts';
import { rowTexts } from './row-texts.ts';
import {
  longSeconds,
  type ServerFacts,
  type Session,
  Sessions,
  type Work,
  wireText,
} from './sessions.ts';
import { quoteName, tableName } from './sql-text.ts';
import { deleteStatements, rowShape, upsertFrame } from './statements.ts';
import { StoredRows } from './stored-rows.ts';
import { planStatements } from './table-ddl.ts';
import { mysqlTypes } from './type-map.ts';

/** Larger statements are no faster, and parsing one takes many times its size of the server's memory. */
const statementBytes = 512 * 1024;
const rowsPerSweep = 20_000;

/**
 * MySQL and MariaDB: a batch is one transaction, exactly once.
 *
 *     START TRANSACTION, UPDATE cdc_progress ... WHERE sequence = ...   who comes second waits here, and is stale then
 *     DELETE ... WHERE (key AND _version <= ...) OR ...                 a hundred at a time
 *     INSERT ... VALUES (..), (..) ON DUPLICATE KEY UPDATE ...          half a mebibyte at a time
 *     COMMIT
 *
 * That needs no setting of the server and no temporary table; LOAD DATA LOCAL into one and a merge from there was measured to be
 * no faster, and LOAD DATA into the table itself can tell neither versions nor deletions.
 */
export class MysqlSink implements LineSink {
  readonly takes = 'lines';
  readonly format = 'JSONCompactEachRow';
  readonly formatSettings = {
    output_format_json_quote_64bit_integers: 0,
    output_format_json_quote_decimals: 0,
    output_format_json_escape_forward_slashes: 0,
  };
  readonly types: TypeMap;
  readonly #options: MysqlSinkOptions;
  readonly #sessions: Sessions;
  readonly #progress: ProgressTable;

  constructor(options: MysqlSinkOptions) {
    this.#options = options;
    this.types = mysqlTypes(options);
    this.#sessions = new Sessions(options);
    this.#progress = new ProgressTable(options.database, options.name);
  }

  preflight(): Promise<Problem[]> {
    return checkServer(this.#sessions, this.#options);
  }

  progress(): Promise<ReadonlyMap<string, Progress>> {
    const doing = `Asking ${this.#options.name} for its progress`;
    return this.#sessions.use({ doing }, (session) => this.#progress.all(session));
  }

  plan(table: SinkTable, options: PrepareOptions): Promise<readonly string[]> {
    return this.#sessions.use(workOn('Looking at', table), async (session) => {
      const common = await this.#progress.missing(session);
      const own = await this.#changes(session, table, options);
      return common === undefined ? own : [common, ...own];
    });
  }

  prepare(table: SinkTable, options: PrepareOptions): Promise<void> {
    return this.#sessions.use(workOn('Preparing', table, longSeconds), async (session) => {
      const common = await this.#progress.missing(session);
      if (common !== undefined) await session.run(common);
      const changes = await this.#changes(session, table, options);
      if (changes.length > 0 && !options.mayAlter) {
        const why = `it does not fit, and may not be altered: ${changes.join('; ')}`;
        throw incompatibleTable(table.source, why);
      }
      const before = await this.#progress.columns(session, table);
      const names = table.columns.map(({ name }) => name);
      const all = [...new Set([...before, ...names])];
      // Before they are made: a column that nobody has noted would never be dropped.
      await this.#progress.noteColumns(session, table, all);
      for (const change of changes) await session.run(change);
      if (options.drop) await this.#progress.noteColumns(session, table, names);
    });
  }

  write({ table, body, step }: LineBatch): Promise<void> {
    return this.#sessions.use(workOn('Writing', table), async (session) => {
      const statements = this.#statements(table, body, session.facts);
      await inTransaction(session, async () => {
        await this.#progress.move(session, table, step);
        for (const statement of statements) await session.runWire(statement);
      });
    });
  }

  async sweep(table: SinkTable, { below, step }: Sweep): Promise<void> {
    const name = tableName(this.#options, table.target);
    const isOld = `${quoteName(versionColumn)} < ${below}`;
    const deleted = quoteName(deletedColumn);
    const statement =
      this.#options.deletes === 'soft'
        ? `UPDATE ${name} SET ${deleted} = 1 WHERE ${isOld} AND NOT ${deleted} LIMIT ${rowsPerSweep}`
        : `DELETE FROM ${name} WHERE ${isOld} LIMIT ${rowsPerSweep}`;
    const work = workOn('Sweeping', table, longSeconds);
    for (;;) {
      const met = await this.#sessions.use(work, (session) =>
        inTransaction(session, async () => {
          // A part of a sweep that is not its end leaves the progress where it is.
          await this.#progress.assertFollows(session, table, step);
          return session.run(statement);
        }),
      );
      if (met < rowsPerSweep) break;
    }
    await this.#sessions.use(work, (session) =>
      inTransaction(session, () => this.#progress.move(session, table, step)),
    );
  }

  drop(table: SinkTable): Promise<void> {
    return this.#sessions.use(workOn('Dropping', table, longSeconds), async (session) => {
      await this.#progress.forget(session, table);
      await session.run(`DROP TABLE IF EXISTS ${tableName(this.#options, table.target)}`);
    });
  }

  checksums(table: SinkTable, digits: number): Promise<readonly Checksum[]> {
    return this.#sessions.use(workOn('Reading', table, longSeconds), async (session) => {
      const rows = this.#stored(table);
      return (await hasMd5(session))
        ? rows.checksums(session, digits)
        : rows.computeChecksums(session, digits);
    });
  }

  readBack(table: SinkTable, buckets?: BucketChoice): AsyncIterable<Buffer> {
    const rows = this.#stored(table);
    return this.#sessions.stream(workOn('Reading', table, longSeconds), async function* (session) {
      yield* rows.lines(session, (await hasMd5(session)) ? buckets : undefined);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sessions[Symbol.asyncDispose]();
  }

  async #changes(session: Session, table: SinkTable, { drop }: PrepareOptions): Promise<string[]> {
    const found = await findTable(session, this.#options.database, table.target);
    const mayDrop = drop ? await this.#progress.columns(session, table) : [];
    return planStatements(table, found, this.#options, { facts: session.facts, mayDrop });
  }

  #stored(table: SinkTable): StoredRows {
    return new StoredRows(table, this.types, this.#options);
  }

  /** What deletes and writes the rows of a batch, as `wireText`. Throws CDC_SINK_REJECTED for a row too large to be sent. */
  #statements(table: SinkTable, body: readonly Buffer[], facts: ServerFacts): string[] {
    const { maxPacketBytes } = facts;
    const { head, tail } = upsertFrame(table, this.#options, facts);
    const [before, after] = [wireText(head), wireText(tail)];
    // A packet has a few bytes beside the statement.
    const most = maxPacketBytes - before.length - after.length - 16;
    const limit = Math.min(statementBytes, most);
    const { rows, deleted } = rowTexts(body, rowShape(table, this.#options), limit);
    const large = rows.find((values) => values.length > most);
    if (large !== undefined) {
      const why = `a row of ${large.length} bytes is more than the server takes at once (max_allowed_packet = ${maxPacketBytes}).`;
      throw rejectedRows(table.source, why);
    }
    const deletions = deleteStatements(table, this.#options, deleted, wireText);
    return [...deletions, ...rows.map((values) => before + values + after)];
  }
}

async function inTransaction<T>(session: Session, action: () => Promise<T>): Promise<T> {
  await session.run('START TRANSACTION');
  const result = await action();
  await session.run('COMMIT');
  return result;
}

function workOn(doing: string, { source }: SinkTable, seconds?: number): Work {
  return { doing: `${doing} ${source}`, table: source, ...(seconds !== undefined && { seconds }) };
}
