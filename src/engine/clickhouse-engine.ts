import { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import {
  type ClickHouseClient,
  ClickHouseLogLevel,
  type ClickHouseSettings,
  createClient,
} from '@clickhouse/client';
import type { Logger } from '../ops/logger.ts';
import { engineErrorOf } from './engine-error.ts';
import type { EngineConnection } from './engine-hold.ts';
import { openEmbeddedEngine } from './engine-process.ts';
import { engineSettings } from './engine-settings.ts';
import type { ClickhouseEngineOptions, EngineOptions } from './options.ts';
import { readResult } from './result-stream.ts';
import { quoteIdentifier, quoteString } from './sql-quote.ts';

export interface EngineStatementOptions {
  readonly settings?: Readonly<Record<string, string | number>>;
  /** Values for `{name:Type}` placeholders. */
  readonly params?: Readonly<Record<string, unknown>>;
  /** Ends the statement; the call then throws the signal's reason. */
  readonly signal?: AbortSignal;
}

export interface EngineInsert extends Omit<EngineStatementOptions, 'params'> {
  /** As SQL: quoted, with its database. */
  readonly table: string;
  /** Column names, unquoted, in the order of the rows. */
  readonly columns: readonly string[];
  /** A ClickHouse input format: `RowBinary`, `TabSeparated`, ... */
  readonly format: string;
  readonly body: Readable | readonly Buffer[];
  /**
   * Equal tokens with equal rows are stored once, in tables with a deduplication window
   * (`non_replicated_deduplication_window`).
   */
  readonly token?: string;
  /** Takes the rows apart instead of storing them as they are. */
  readonly select?: InsertSelect;
}

/** The rows of an insert as a table, and what is made of it. */
export interface InsertSelect {
  /** Columns of the rows in the body: `id UInt64, name String`. */
  readonly structure: string;
  /** The SELECT that gives the insert's columns, over the table expression it is told. */
  readonly query: (rows: string) => string;
}

export interface EngineContext {
  readonly stateFolder: string;
  readonly logger: Logger;
}

/** A statement may rebuild a whole layer. */
const statementMs = 6 * 3600 * 1000;
const maxConnections = 16;

/** Rows as values without loss: JSON numbers hold neither 64-bit integers nor decimals nor NaN. */
const rowSettings = {
  output_format_json_quote_64bit_integers: 1,
  output_format_json_quote_decimals: 1,
  output_format_json_quote_denormals: 1,
} as const;

/** The answer begins when the statement has ended, so that its status is the truth. */
const wholeAnswer = { wait_end_of_query: 1 } as const;

/**
 * Opens the warehouse of a project file: its embedded engine, started if it does not run, or a
 * ClickHouse server, which the first statement contacts.
 */
export async function openEngine(
  options: EngineOptions,
  { stateFolder, logger }: EngineContext,
): Promise<ClickhouseEngine> {
  if (options.type === 'clickhouse') {
    return ClickhouseEngine.open(async () => serverConnection(options));
  }
  return ClickhouseEngine.open(() => openEmbeddedEngine({ stateFolder, options, logger }));
}

/**
 * The one way to run SQL, embedded or not; everything goes through `@clickhouse/client`, with
 * `engineSettings`.
 *
 * - A statement is done, and visible to the next one, when its promise resolves.
 * - Throws CDC_ENGINE_UNREACHABLE (transient: repeat the call) or CDC_ENGINE_REJECTED with
 *   `details.engineCode`. A statement that broke off may have been carried out all the same.
 * - An embedded engine that has died is started again by the next call.
 * - Any number of calls may run at the same time.
 */
export class ClickhouseEngine implements AsyncDisposable {
  /** For people: where another ClickHouse client gets in. */
  readonly address: { readonly url: string; readonly user: string };
  readonly #connect: () => Promise<EngineConnection>;
  #session: Promise<Session>;

  private constructor(connect: () => Promise<EngineConnection>, session: Session) {
    this.#connect = connect;
    this.#session = Promise.resolve(session);
    this.address = { url: session.connection.url, user: session.connection.user };
  }

  static async open(connect: () => Promise<EngineConnection>): Promise<ClickhouseEngine> {
    return new ClickhouseEngine(connect, openSession(await connect()));
  }

  /** Runs a statement without a result; says how many rows an INSERT has written. */
  async command(
    sql: string,
    options: EngineStatementOptions = {},
  ): Promise<{ readonly writtenRows: number }> {
    const { summary } = await this.#run(options.signal, (client) =>
      client.command({ query: sql, ...requestOf(options, wholeAnswer) }),
    );
    return { writtenRows: Number(summary?.written_rows ?? 0) };
  }

  /** Rows of a SELECT as objects, all in memory; 64-bit integers and decimals are strings. */
  async rows<T = Record<string, unknown>>(
    sql: string,
    options: EngineStatementOptions = {},
  ): Promise<T[]> {
    return this.#run(options.signal, async (client) => {
      const request = requestOf(options, { ...wholeAnswer, ...rowSettings });
      const result = await client.query({ query: sql, format: 'JSONEachRow', ...request });
      return result.json<T>();
    });
  }

  /**
   * The result of any statement, as it arrives, in the FORMAT it names or else in `format`. Leaving
   * the iteration early ends the statement.
   */
  async *query(
    sql: string,
    { format, ...options }: EngineStatementOptions & { readonly format: string },
  ): AsyncGenerator<Buffer, void> {
    const request = requestOf(options, { default_format: format });
    const result = await this.#run(options.signal, (client) =>
      client.exec({ query: sql, ...request }),
    );
    const tag = result.response_headers?.['x-clickhouse-exception-tag']?.toString();
    try {
      yield* readResult(result.stream, tag);
    } catch (error) {
      options.signal?.throwIfAborted();
      throw engineErrorOf(error, this.address.url);
    }
  }

  /**
   * Inserts rows that are encoded already. Returns the number of rows the engine wrote, those that
   * materialized views wrote included; rows dropped for their token count as written.
   */
  async insert(insert: EngineInsert): Promise<number> {
    const { table, columns, format, body, token, select } = insert;
    const query = select && `${select.query(`input(${quoteString(select.structure)})`)} `;
    const list = columns.length === 0 ? '' : `(${columns.map(quoteIdentifier).join(', ')}) `;
    const request = requestOf(insert, {
      ...wholeAnswer,
      ...(token !== undefined && { insert_deduplication_token: token }),
    });
    return this.#run(insert.signal, async (client) => {
      const { stream, summary } = await client.exec({
        query: `INSERT INTO ${table} ${list}${query ?? ''}FORMAT ${format}`,
        values: body instanceof Readable ? body : Readable.from(body),
        ...request,
      });
      // An INSERT answers nothing; reading that gives the connection back.
      await finished(stream.resume());
      return Number(summary?.written_rows ?? 0);
    });
  }

  /** Returns when the engine answers a statement with our user. */
  async ping(): Promise<void> {
    await this.command('SELECT 1');
  }

  async version(): Promise<string> {
    const [row] = await this.rows<{ version: string }>('SELECT version() AS version');
    return row?.version ?? '';
  }

  /** Lets go of the engine; an embedded one ends when nobody else uses it. */
  async [Symbol.asyncDispose](): Promise<void> {
    const session = await this.#session.catch(() => undefined);
    await session?.close();
  }

  async #run<T>(
    signal: AbortSignal | undefined,
    action: (client: ClickHouseClient) => Promise<T>,
  ): Promise<T> {
    signal?.throwIfAborted();
    const { client, connection } = await this.#ready();
    try {
      return await action(client);
    } catch (error) {
      signal?.throwIfAborted();
      throw engineErrorOf(error, connection.url);
    }
  }

  /** The session, opened anew by the first call after its engine has gone. */
  async #ready(): Promise<Session> {
    const current = this.#session;
    const session = await current.catch(() => undefined);
    if (session !== undefined && !session.connection.isLost) return session;
    if (this.#session === current) this.#session = this.#reopen(session);
    return this.#session;
  }

  async #reopen(lost: Session | undefined): Promise<Session> {
    await lost?.close();
    return openSession(await this.#connect());
  }
}

interface Session {
  readonly connection: EngineConnection;
  readonly client: ClickHouseClient;
  close(): Promise<void>;
}

function openSession(connection: EngineConnection): Session {
  const client = createClient({
    url: connection.url,
    username: connection.user,
    password: connection.password,
    application: 'strata',
    request_timeout: statementMs,
    max_open_connections: maxConnections,
    ...(connection.agent !== undefined && { http_agent: connection.agent }),
    // Errors are thrown; what happens to them is for the caller to say.
    log: { level: ClickHouseLogLevel.OFF },
  });
  const close = async () => {
    await client.close();
    await connection.close();
  };
  return { connection, client, close };
}

/** A server is nobody's to hold, and a lost connection to it is made anew by the client. */
function serverConnection({ url, user, password }: ClickhouseEngineOptions): EngineConnection {
  const close = async () => {};
  return {
    url,
    user,
    password: password.reveal(),
    isLost: false,
    close,
    [Symbol.asyncDispose]: close,
  };
}

function requestOf(
  { settings, params, signal }: EngineStatementOptions,
  own: Readonly<Record<string, string | number>>,
) {
  const all: Record<string, string | number> = { ...engineSettings, ...own, ...settings };
  return {
    clickhouse_settings: all as ClickHouseSettings,
    ...(params !== undefined && { query_params: params }),
    ...(signal !== undefined && { abort_signal: signal }),
  };
}
