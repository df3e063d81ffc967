import { connect, isIP, type Socket } from 'node:net';
import { createPool, type Pool, type PoolConnection, type SslOptions } from 'mysql2';
import { CdcError } from '../../errors.ts';
import { readTlsFiles, type SinkTls } from '../tls-files.ts';
import { isRefusal, toSinkError } from './error-map.ts';
import type { MysqlSinkOptions } from './options.ts';

const connectMs = 15_000;
const idleMs = 60_000;
/** A result that is read for long has no other sign of a server that is gone. */
const keepAliveMs = 60_000;

/**
 * Strict, so that no value is changed silently; dates are stored as they come; quotes and backslashes mean what our literals
 * mean; a key 0 is 0. `foreign_key_checks` and `unique_checks` stay what the server has.
 */
const sqlMode =
  'STRICT_ALL_TABLES,STRICT_TRANS_TABLES,ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION';

/** A process that was stopped in the middle of a transaction holds up others no longer than this. */
const idleTransactionSeconds = 300;

const sessionStatements = [
  'SET NAMES utf8mb4',
  `SET SESSION sql_mode = '${sqlMode}', time_zone = '+00:00', autocommit = 1, net_write_timeout = 3600, wait_timeout = ${idleTransactionSeconds}`,
  'SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ',
];

export type ServerOptions = Pick<
  MysqlSinkOptions,
  | 'host'
  | 'port'
  | 'user'
  | 'password'
  | 'ssl'
  | 'maxConnections'
  | 'statementTimeoutSeconds'
  | 'name'
>;

/** What a server is like; fixed for the length of a session. */
export interface ServerFacts {
  readonly flavour: 'mysql' | 'mariadb';
  /** `[10, 11, 14]` */
  readonly version: readonly number[];
  readonly maxPacketBytes: number;
}

export interface Work {
  /** For messages: `Writing shop.orders`. */
  readonly doing: string;
  /** `SinkTable.source`, where rows or a table may be to blame. */
  readonly table?: string;
  /** Longest time without an answer; by default what the options say of a write. */
  readonly seconds?: number;
}

/** For statements that may go through a whole table. */
export const longSeconds = 6 * 3600;

/**
 * Connections to one server, with our settings, opened when needed and never more than `maxConnections`; whoever comes later
 * waits.
 *
 * Statements go over as the bytes they are: the driver believes in single-byte characters (`charset: 'binary'`), each character
 * of a statement is a byte of its UTF-8, and the server is told that it is UTF-8. Encoding whole batches twice would cost more
 * than everything else done to them.
 */
export class Sessions implements AsyncDisposable {
  readonly #pool: Pool;
  readonly #facts = new WeakMap<PoolConnection, ServerFacts>();
  readonly #seconds: number;

  constructor(options: ServerOptions) {
    this.#seconds = options.statementTimeoutSeconds;
    this.#pool = createPool({
      host: options.host,
      port: options.port,
      user: wireText(options.user),
      password: options.password.reveal(),
      charset: 'binary',
      // Otherwise the driver would follow SET NAMES.
      flags: ['-SESSION_TRACK', '-LOCAL_FILES'],
      timezone: 'Z',
      dateStrings: true,
      supportBigNumbers: true,
      bigNumberStrings: true,
      connectTimeout: connectMs,
      enableKeepAlive: true,
      keepAliveInitialDelay: keepAliveMs,
      connectionLimit: options.maxConnections,
      maxIdle: options.maxConnections,
      idleTimeout: idleMs,
      ...(options.ssl && { ssl: tlsOf(options.ssl, options.name) }),
      ...(options.ssl && isIP(options.host) > 0 && { stream: () => addressStream(options) }),
    });
  }

  /** Runs `action` on a connection of its own; a transaction it leaves open is rolled back. Errors come out as ours. */
  async use<T>(work: Work, action: (session: Session) => Promise<T>): Promise<T> {
    const { doing, table } = work;
    const { connection, session } = await this.#open(work);
    try {
      const result = await action(session);
      connection.release();
      return result;
    } catch (error) {
      const isClean = error instanceof CdcError || isRefusal(error);
      const isUsable = isClean && (await session.rollBack());
      if (isUsable) connection.release();
      else connection.destroy();
      throw toSinkError(error, doing, table);
    }
  }

  /** As `use`, for what is read as it arrives. Leaving the iteration early ends the connection. */
  async *stream<T>(
    work: Work,
    read: (session: Session) => AsyncIterable<T>,
  ): AsyncGenerator<T, void> {
    const { doing, table } = work;
    const { connection, session } = await this.#open(work);
    let isWhole = false;
    try {
      yield* read(session);
      isWhole = true;
    } catch (error) {
      throw toSinkError(error, doing, table);
    } finally {
      if (isWhole) connection.release();
      else connection.destroy();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise<void>((resolve) => this.#pool.end(() => resolve()));
  }

  async #open({ doing, seconds = this.#seconds }: Work) {
    const connection = await this.#connect(doing);
    try {
      const facts = this.#facts.get(connection) ?? (await prepareSession(connection));
      this.#facts.set(connection, facts);
      return { connection, session: new Session(connection, facts, seconds * 1000) };
    } catch (error) {
      connection.destroy();
      throw toSinkError(error, doing);
    }
  }

  #connect(doing: string): Promise<PoolConnection> {
    return new Promise((resolve, reject) => {
      this.#pool.getConnection((error, connection) => {
        if (error) reject(toSinkError(error, doing));
        else resolve(connection);
      });
    });
  }
}

/** One connection for the length of one piece of work. */
export class Session {
  readonly facts: ServerFacts;
  readonly #connection: PoolConnection;
  readonly #timeoutMs: number;

  constructor(connection: PoolConnection, facts: ServerFacts, timeoutMs: number) {
    this.#connection = connection;
    this.#timeoutMs = timeoutMs;
    this.facts = facts;
  }

  /** Runs a statement; says how many rows it met. */
  run(sql: string): Promise<number> {
    return this.runWire(wireText(sql));
  }

  /** As `run`, for what `wireText` has made. */
  async runWire(text: string): Promise<number> {
    const result = await query<{ affectedRows?: number }>(this.#connection, text, this.#timeoutMs);
    return result.affectedRows ?? 0;
  }

  /** Rows of a statement as objects; 64-bit integers and decimals are strings. */
  rows<T>(sql: string): Promise<T[]> {
    return query<T[]>(this.#connection, wireText(sql), this.#timeoutMs);
  }

  /** Rows of a statement as they arrive, each value as the bytes of its text. */
  stream(sql: string): AsyncIterable<(Buffer | null)[]> {
    const options = { sql: wireText(sql), rowsAsArray: true, typeCast: false };
    return this.#connection.query(options).stream({ highWaterMark: 1000 });
  }

  /** False when the connection is of no use any more. */
  async rollBack(): Promise<boolean> {
    return this.run('ROLLBACK').then(
      () => true,
      () => false,
    );
  }
}

/** The UTF-8 of a text, a character for each byte. */
export function wireText(sql: string): string {
  return Buffer.from(sql).toString('latin1');
}

async function prepareSession(connection: PoolConnection): Promise<ServerFacts> {
  for (const statement of sessionStatements) await query(connection, statement, connectMs);
  const [row] = await query<{ version: string; packet: string | number }[]>(
    connection,
    'SELECT VERSION() AS version, @@max_allowed_packet AS packet',
    connectMs,
  );
  const version = row?.version ?? '';
  return {
    flavour: /mariadb/i.test(version) ? 'mariadb' : 'mysql',
    version: (/^[\d.]+/.exec(version)?.[0] ?? '').split('.').map(Number),
    maxPacketBytes: Number(row?.packet ?? 0),
  };
}

function query<T>(connection: PoolConnection, sql: string, timeout: number): Promise<T> {
  return new Promise((resolve, reject) => {
    connection.query({ sql, timeout }, (error: unknown, result: unknown) => {
      if (error) reject(error);
      else resolve(result as T);
    });
  });
}

/**
 * Node compares a certificate with the name that the socket was connected by. It keeps names only, and the driver tells it of
 * names only, so that of an address it would be compared with `localhost`.
 */
function addressStream({ host, port }: ServerOptions): Socket {
  const keepAliveInitialDelay = keepAliveMs;
  const socket = connect({ host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay });
  return Object.assign(socket, { _host: host });
}

function tlsOf(ssl: SinkTls, sink: string): SslOptions {
  return { ...readTlsFiles(ssl, sink), verifyIdentity: ssl.rejectUnauthorized };
}
