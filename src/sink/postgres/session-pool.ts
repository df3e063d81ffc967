import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Pool, type PoolClient, type QueryResult } from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import { CdcError } from '../../errors.ts';
import { readTlsFiles } from '../tls-files.ts';
import { type FailedWork, isRefusal, toSinkError } from './error-map.ts';
import type { ServerOptions } from './options.ts';

const connectMs = 15_000;
const idleMs = 60_000;
/** The server gives up a statement by itself; who is cut off from it waits this much longer. */
const graceMs = 5_000;

export interface Work extends FailedWork {
  /** The server is given this long for a statement. */
  readonly seconds?: number;
}

/**
 * Connections to one server, opened when needed, never more than `maxConnections`; whoever comes later waits. Nothing is
 * expected of a session beyond one transaction, so a pooler in between may give each transaction another one.
 */
export class SessionPool implements AsyncDisposable {
  readonly #pool: Pool;
  readonly #statementSeconds: number;

  constructor(options: ServerOptions) {
    this.#statementSeconds = options.statementTimeoutSeconds;
    const { host, port, user, password, database, ssl, maxConnections } = options;
    this.#pool = new Pool({
      host,
      port,
      user,
      password: password.reveal(),
      database,
      // The name that the certificate has to bear; for an address the driver gives none.
      ...(ssl !== undefined && { ssl: { host, ...readTlsFiles(ssl, options.name) } }),
      max: maxConnections,
      idleTimeoutMillis: idleMs,
      connectionTimeoutMillis: connectMs,
      keepAlive: true,
      application_name: 'strata',
    });
    // A connection that breaks shows at the statement under way or at the next one; the pool lets go of an idle one.
    this.#pool.on('error', () => {});
    this.#pool.on('connect', (client) => client.on('error', () => {}));
  }

  /** Runs `action` on a connection of its own. Errors of the driver come out as ours. */
  async use<T>(work: Work, action: (session: Session) => Promise<T>): Promise<T> {
    const client = await this.#connect(work);
    const session = this.#session(client, work);
    try {
      const result = await action(session);
      client.release();
      return result;
    } catch (error) {
      const isUsable =
        (error instanceof CdcError || isRefusal(error)) && (await session.rollBack());
      client.release(!isUsable);
      throw toSinkError(error, work);
    }
  }

  /** As `use`, for what is read as it arrives. Leaving the iteration early ends the connection. */
  async *stream<T>(
    work: Work,
    read: (session: Session) => AsyncIterable<T>,
  ): AsyncGenerator<T, void> {
    const client = await this.#connect(work);
    let isWhole = false;
    try {
      yield* read(this.#session(client, work));
      isWhole = true;
    } catch (error) {
      throw toSinkError(error, work);
    } finally {
      client.release(!isWhole);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool.end();
  }

  #connect({ doing }: Work): Promise<PoolClient> {
    return this.#pool.connect().catch((error: unknown) => {
      throw toSinkError(error, { doing });
    });
  }

  #session(client: PoolClient, { seconds = this.#statementSeconds }: Work): Session {
    return new Session(client, seconds * 1000 + graceMs);
  }
}

/** One connection for the length of one piece of work. */
export class Session {
  readonly #client: PoolClient;
  readonly #timeoutMs: number;
  #isCopying = false;

  constructor(client: PoolClient, timeoutMs: number) {
    this.#client = client;
    this.#timeoutMs = timeoutMs;
  }

  /** Runs statements in one round trip and returns the rows of each. */
  async run(statements: readonly string[]): Promise<QueryResult[]> {
    const result: unknown = await this.#query(statements.join(';\n'));
    return (Array.isArray(result) ? result : [result]) as QueryResult[];
  }

  /** Rows of one statement, with `$1`, ... for values, which are sent as text. */
  async rows<T>(sql: string, values: readonly (string | null)[] = []): Promise<T[]> {
    const result = await this.#query(sql, [...values]);
    return result.rows as T[];
  }

  /** Sends COPY text and returns the number of rows that the server took. */
  async copyIn(sql: string, body: readonly Buffer[]): Promise<number> {
    const stream = this.#client.query(this.#limited(copyFrom(sql)));
    this.#isCopying = true;
    await pipeline(Readable.from(body), stream);
    this.#isCopying = false;
    return stream.rowCount;
  }

  async *copyOut(sql: string): AsyncGenerator<Buffer, void> {
    const stream = this.#client.query(this.#limited(copyTo(sql)));
    this.#isCopying = true;
    for await (const chunk of stream) yield chunk as Buffer;
    this.#isCopying = false;
  }

  /** False when the connection is of no use any more. */
  async rollBack(): Promise<boolean> {
    // After a COPY that failed half-way the wire is not certain to be clean.
    if (this.#isCopying) return false;
    return this.#query('ROLLBACK').then(
      () => true,
      () => false,
    );
  }

  #query(text: string, values?: unknown[]): Promise<QueryResult> {
    return this.#client.query(this.#limited({ text, ...(values !== undefined && { values }) }));
  }

  /** The driver gives up after this time and so finds a server that no longer answers; its types do not know the field. */
  #limited<T extends object>(query: T): T {
    return Object.assign(query, { query_timeout: this.#timeoutMs });
  }
}
