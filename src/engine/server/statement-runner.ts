import PQueue from 'p-queue';
import { engineSettings } from '../engine-settings.ts';
import { quoteIdentifier, quoteString } from '../sql-quote.ts';
import type { Chdb, ChdbConnection, WriteCount } from './chdb.ts';
import type { StatementParameters } from './http-parameters.ts';
import type { StatementText } from './request-body.ts';
import { ServerException } from './server-exception.ts';
import {
  type DescribedColumn,
  type InsertData,
  type InsertInput,
  planStagedInsert,
  renderDescribe,
  renderInputInsert,
} from './staged-insert.ts';
import type { StagingArea } from './staging-area.ts';

/** Statements that run at the same time; each has a connection and threads of its own in chdb. */
const maxStatements = 16;
const killAgainMs = 500;

/**
 * Settings that make chdb behave as a server does. They are no server's defaults, so only the
 * embedded engine needs them.
 */
const embeddedSettings = {
  /** `1 + 1` alone is no SELECT. */
  implicit_select: 0,
  storage_file_read_method: 'pread',
} as const;

export interface StatementRequest {
  readonly text: StatementText;
  readonly parameters: StatementParameters;
  readonly queryId: string;
  /** Aborts when the client is gone. */
  readonly signal: AbortSignal;
}

/** Where the outcome goes; called once. */
export interface StatementOutput {
  /**
   * Rows of a result, and their number if it is known. What `rows` throws before its first chunk is
   * thrown on before anything is sent.
   */
  sendRows(format: string, rows: AsyncIterable<Buffer>, rowCount?: number): Promise<void>;
  sendWritten(written: WriteCount): Promise<void>;
}

/**
 * Runs statements in chdb. Each gets a fresh connection, so that nothing it sets reaches another one.
 */
export class StatementRunner {
  readonly #chdb: Chdb;
  readonly #staging: StagingArea;
  readonly #slots = new PQueue({ concurrency: maxStatements });
  /** Columns by database and target; forgotten whenever a statement may have changed a table. */
  #columns = new Map<string, readonly DescribedColumn[]>();
  readonly #kills = new Set<Promise<void>>();

  constructor(chdb: Chdb, staging: StagingArea) {
    this.#chdb = chdb;
    this.#staging = staging;
  }

  /** Resolves when nothing is running; for the end of the process, after the clients are gone. */
  async idle(): Promise<void> {
    await this.#slots.onIdle();
    await Promise.all(this.#kills);
  }

  async run(request: StatementRequest, output: StatementOutput): Promise<void> {
    const { statement, sql } = request.text;
    if (statement.kind === 'insert-data') return this.#insertData(request, statement, output);
    if (statement.kind === 'insert-input') return this.#insertInput(request, statement, output);
    await this.#withConnection(request, async (connection) => {
      if (statement.kind === 'insert') return output.sendWritten(await connection.insert(sql));
      const format = statement.format ?? request.parameters.format ?? 'TabSeparated';
      const streams = statement.kind === 'select' && statement.streams && isStreamable(format);
      if (streams && !request.parameters.waitsForEnd) {
        return output.sendRows(format, connection.stream(sql, format));
      }
      const result = await this.#runWhole(connection, request, format);
      return output.sendRows(format, single(result.bytes), result.rowsRead);
    });
  }

  /** DDL and the like: what is known about tables ends with it, however it ends. */
  async #runWhole(connection: ChdbConnection, { text }: StatementRequest, format: string) {
    const sql = killByEitherId(text.sql);
    if (text.statement.kind === 'select') return connection.run(sql, format);
    try {
      return await connection.run(sql, format);
    } finally {
      this.#columns = new Map();
    }
  }

  async #insertData(
    request: StatementRequest,
    insert: InsertData,
    output: StatementOutput,
  ): Promise<void> {
    const described = await this.#describe(request, insert);
    const plan = planStagedInsert(insert, described, formatOf(request, insert));
    try {
      await this.#insertStaged(request, (path) => plan.render(path), output);
    } catch (error) {
      this.#columns = new Map();
      throw error;
    }
  }

  #insertInput(
    request: StatementRequest,
    insert: InsertInput,
    output: StatementOutput,
  ): Promise<void> {
    const format = formatOf(request, insert);
    const render = (path: string) => renderInputInsert(request.text.sql, insert, format, path);
    return this.#insertStaged(request, render, output);
  }

  async #insertStaged(
    request: StatementRequest,
    render: (path: string) => string,
    output: StatementOutput,
  ): Promise<void> {
    await using file = await this.#staging.stage(request.text.data);
    if (file.bytes === 0) return output.sendWritten({ rowsWritten: 0, bytesWritten: 0 });
    await this.#withConnection(request, async (connection) =>
      output.sendWritten(await connection.insert(render(file.path))),
    );
  }

  async #describe(
    request: StatementRequest,
    insert: InsertData,
  ): Promise<readonly DescribedColumn[]> {
    const sql = renderDescribe(insert);
    const key = `${request.parameters.database ?? ''}\n${sql}`;
    // A DDL that ends while this runs replaces the map: what was read before it is kept nowhere.
    const cache = this.#columns;
    const known = cache.get(key);
    if (known !== undefined) return known;
    const { bytes } = await this.#withConnection(request, (connection) =>
      connection.run(sql, 'JSONEachRow'),
    );
    const lines = bytes.toString().split('\n').filter(Boolean);
    const columns = lines.map((line) => JSON.parse(line) as DescribedColumn);
    cache.set(key, columns);
    return columns;
  }

  async #withConnection<T>(
    request: StatementRequest,
    task: (connection: ChdbConnection) => Promise<T>,
  ): Promise<T> {
    const { signal } = request;
    let nextKill: NodeJS.Timeout | undefined;
    const kill = () => {
      this.#kill(request.queryId);
      // chdb may have been told before it knew the statement.
      nextKill = setTimeout(kill, killAgainMs);
    };
    return this.#slots.add(async () => {
      if (signal.aborted) throw ServerException.of('QUERY_WAS_CANCELLED', 'The client is gone');
      using connection = this.#chdb.connect();
      for (const sql of renderContext(request)) connection.prepare(sql);
      signal.addEventListener('abort', kill, { once: true });
      try {
        return await task(connection);
      } finally {
        signal.removeEventListener('abort', kill);
        clearTimeout(nextKill);
      }
    });
  }

  /** Asks chdb to end a statement that nobody waits for; it does so at its next block of rows. */
  #kill(queryId: string): void {
    const sql = `KILL QUERY WHERE Settings['log_comment'] = ${quoteString(queryId)} ASYNC`;
    const connection = this.#chdb.connect();
    const kill = connection
      .run(sql, 'Null')
      // A statement that has ended by itself is no failure.
      .then(
        () => undefined,
        () => undefined,
      )
      .finally(() => {
        connection.close();
        this.#kills.delete(kill);
      });
    this.#kills.add(kill);
  }
}

/**
 * chdb formats each block of a streamed result by itself, so a format with a header or a footer would
 * repeat it with every block; only these have neither. The others are made whole.
 */
const streamableFormats = new Set([
  'tabseparated',
  'tsv',
  'tabseparatedraw',
  'tsvraw',
  'csv',
  'jsoneachrow',
  'ndjson',
  'jsonlines',
  'jsoncompacteachrow',
  'rowbinary',
]);

function isStreamable(format: string): boolean {
  return streamableFormats.has(format.toLowerCase());
}

/** Of the rows in the request. */
function formatOf({ parameters }: StatementRequest, insert: { readonly format?: string }): string {
  return insert.format ?? parameters.format ?? 'Values';
}

/** What a connection must be told before it runs the statement. */
function renderContext({ parameters, queryId }: StatementRequest): string[] {
  const settings = {
    ...engineSettings,
    ...embeddedSettings,
    log_comment: queryId,
    ...Object.fromEntries(parameters.settings),
    ...Object.fromEntries([...parameters.params].map(([name, value]) => [`param_${name}`, value])),
    ...(parameters.isReadOnly && { readonly: 2 }),
  };
  const assignments = Object.entries(settings).map(
    ([name, value]) => `${name} = ${quoteString(String(value))}`,
  );
  const { database } = parameters;
  return [
    ...(database === undefined ? [] : [`USE ${quoteIdentifier(database)}`]),
    `SET ${assignments.join(', ')}`,
  ];
}

/**
 * Clients know a statement by the id they gave it, the engine by one of its own; KILL QUERY may name
 * either. (chdb takes no query id, so ours travels as `log_comment`.)
 */
function killByEitherId(sql: string): string {
  if (!/^\s*KILL\s+QUERY\b/i.test(sql)) return sql;
  return sql.replace(
    /\bquery_id\s*=\s*('(?:[^'\\]|\\.)*')/gi,
    "$1 IN (query_id, Settings['log_comment'])",
  );
}

async function* single(bytes: Buffer): AsyncGenerator<Buffer, void> {
  if (bytes.length > 0) yield bytes;
}
