import { createPool, type Pool, type QueryError, type SslOptions } from 'mysql2';
import { CdcError } from '../../errors.ts';
import { readTlsFiles, type SinkTls } from '../tls-files.ts';
import type { DorisSinkOptions } from './options.ts';
import { type About, isUnreachable, storeError, transportError } from './store-errors.ts';

const connectMs = 10_000;

/**
 * Statements through the MySQL protocol, to the first frontend that answers.
 *
 * Values are written into the statement by the client, because the store prepares none. Every value of a result is a text or
 * NULL. Throws CDC_SINK_UNREACHABLE when the connection breaks; the statement may have been carried out then.
 */
export class SqlClient implements AsyncDisposable {
  readonly #options: DorisSinkOptions;
  readonly #hosts: readonly string[];
  #pool: Pool | undefined;
  #host = 0;

  constructor(options: DorisSinkOptions) {
    this.#options = options;
    this.#hosts = options.frontends.map((each) => new URL(each).hostname);
  }

  async rows<T = Record<string, string | null>>(
    sql: string,
    values: readonly unknown[],
    about: About,
  ): Promise<T[]> {
    try {
      return await this.#query<T[]>(sql, values);
    } catch (error) {
      const known = errorOf(error, about);
      if (isUnreachable(known)) await this.#leaveHost();
      throw known;
    }
  }

  async run(sql: string, values: readonly unknown[], about: About): Promise<void> {
    await this.rows(sql, values, about);
  }

  /** The rows of a SELECT as they arrive, as lists of texts. */
  async *stream(sql: string, about: About): AsyncGenerator<readonly (string | null)[], void> {
    const query = this.#open().query({ sql, rowsAsArray: true });
    try {
      for await (const row of query.stream({ highWaterMark: 1000 })) yield row;
    } catch (error) {
      throw errorOf(error, about);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const pool = this.#pool;
    this.#pool = undefined;
    if (pool !== undefined) await pool.promise().end();
  }

  #query<T>(sql: string, values: readonly unknown[]): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#open().query(sql, [...values], (error: QueryError | null, rows: unknown) =>
        error === null ? resolve(rows as T) : reject(error),
      );
    });
  }

  #open(): Pool {
    const { user, password, queryPort, connections, ssl, name } = this.#options;
    this.#pool ??= createPool({
      host: this.#hosts[this.#host] ?? '127.0.0.1',
      port: queryPort,
      user,
      password: password.reveal(),
      connectionLimit: connections,
      connectTimeout: connectMs,
      charset: 'utf8mb4',
      dateStrings: true,
      supportBigNumbers: true,
      bigNumberStrings: true,
      ...(ssl && { ssl: tlsOf(ssl, name) }),
    });
    return this.#pool;
  }

  /** The next statement goes to the next frontend. */
  async #leaveHost(): Promise<void> {
    if (this.#hosts.length < 2) return;
    this.#host = (this.#host + 1) % this.#hosts.length;
    const pool = this.#pool;
    this.#pool = undefined;
    pool?.end(() => {});
  }
}

/** The server numbers its errors and gives a state; what has neither is the connection's. */
function errorOf(error: unknown, about: About): CdcError {
  if (error instanceof CdcError) return error;
  const { errno, sqlState, message } = error as Partial<QueryError> & { message: string };
  const isOfStore = typeof errno === 'number' && errno > 0 && sqlState !== undefined;
  return isOfStore ? storeError(message, about, error) : transportError(error, about);
}

function tlsOf(ssl: SinkTls, sink: string): SslOptions {
  return { ...readTlsFiles(ssl, sink), verifyIdentity: ssl.rejectUnauthorized };
}
