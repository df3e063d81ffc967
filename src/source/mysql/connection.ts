import { readFileSync } from 'node:fs';
import {
  type Connection,
  type ConnectionOptions,
  createConnection,
  type Query,
  type SslOptions,
} from 'mysql2';
import { CdcError } from '../../errors.ts';
import { toSourceError } from './error-map.ts';
import type { MysqlSourceOptions } from './options.ts';

/**
 * Driver options under which a SELECT loses nothing: dates as text, exact big numbers and JSON
 * text, all times in UTC.
 */
export function connectionOptions(options: MysqlSourceOptions): ConnectionOptions {
  return {
    host: options.host,
    port: options.port,
    user: options.user,
    password: options.password.reveal(),
    charset: 'utf8mb4_general_ci',
    timezone: 'Z',
    dateStrings: true,
    supportBigNumbers: true,
    jsonStrings: true,
    connectTimeout: 10_000,
    enableKeepAlive: true,
    ...(options.ssl && { ssl: tlsOptions(options.ssl) }),
  };
}

/** What every session needs to read values as the binlog holds them. */
const sessionStatements = [
  'SET NAMES utf8mb4',
  // The server's own sql_mode may pad CHAR, refuse zero dates in comparisons or change quoting; its
  // time limit for a write is 60 s, but a chunk may wait longer while the log is full.
  `SET time_zone = '+00:00', sql_mode = '', SESSION net_write_timeout = 3600, SESSION wait_timeout = 28800`,
  'SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ',
];

/** Takes one row as it came over the wire: text protocol, from `offset` to `end`; not to be kept. */
export type RowPacketHandler = (buffer: Buffer, offset: number, end: number) => void;

/** A SELECT under way; `done` settles at its end, `pause` stops the rows at once. */
export interface PacketStream {
  readonly done: Promise<void>;
  pause(): void;
  resume(): void;
}

/** A connection to the source server with our settings. Errors are CdcErrors. Close it. */
export class MysqlSession implements AsyncDisposable {
  readonly #connection: Connection;
  /** Statements under way: the driver forgets them when the connection is ended from here. */
  readonly #pending = new Set<(error: CdcError) => void>();
  #usable = true;

  private constructor(connection: Connection) {
    this.#connection = connection;
    // A connection that breaks between two statements shows at the next one; nobody waits now.
    connection.on('error', () => {
      this.#usable = false;
    });
  }

  static async open(options: MysqlSourceOptions): Promise<MysqlSession> {
    const action = `connecting to ${options.host}:${options.port} as ${options.user}`;
    const connection = await new Promise<Connection>((resolve, reject) => {
      const opening = createConnection(connectionOptions(options));
      opening.once('error', (error) => reject(toSourceError(error, action)));
      opening.once('connect', () => resolve(opening));
    });
    const session = new MysqlSession(connection);
    try {
      for (const statement of sessionStatements) await session.command(statement);
    } catch (error) {
      session.destroy();
      throw error;
    }
    return session;
  }

  /** False once the connection broke or was closed: open another. */
  get usable(): boolean {
    return this.#usable;
  }

  /** Runs a statement without a result. */
  async command(sql: string): Promise<void> {
    await this.rows(sql);
  }

  /** All rows of a statement as objects; `?` in `sql` stands for a value. */
  rows<T>(sql: string, values: readonly unknown[] = []): Promise<T[]> {
    return this.#run(`running "${sql.slice(0, 80)}"`, (settle) => {
      this.#connection.query(sql, [...values], (error, rows) => settle(error, rows as T[]));
    });
  }

  /** The first row, when there is one. */
  async row<T>(sql: string, values: readonly unknown[] = []): Promise<T | undefined> {
    return (await this.rows<T>(sql, values))[0];
  }

  /**
   * Runs a SELECT and hands over its row packets undecoded: a parsed row costs three times the CPU.
   * When `onRow` throws, the connection ends and `done` rejects with that error.
   */
  packets(sql: string, onRow: RowPacketHandler, action: string): PacketStream {
    const connection = this.#connection;
    const done = this.#run<void>(action, (settle) => {
      tapRows(
        connection.query(sql, (error) => settle(error, undefined)),
        onRow,
      );
    });
    return { done, pause: () => connection.pause(), resume: () => connection.resume() };
  }

  /** Ends at once, also in the middle of a result; statements under way fail. */
  destroy(): void {
    this.#usable = false;
    this.#connection.destroy();
    // Ending the connection alone would wait for a result that a pause keeps from arriving.
    (this.#connection as unknown as { stream: { destroy(): void } }).stream.destroy();
    const error = new CdcError('CDC_SOURCE_CONNECTION_LOST', 'The connection was ended by cdc.');
    for (const fail of this.#pending) fail(error);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#usable) return this.destroy();
    this.#usable = false;
    await new Promise<void>((resolve) => this.#connection.end(() => resolve()));
  }

  #run<T>(
    action: string,
    start: (settle: (error: unknown, result: T) => void) => void,
  ): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#pending.add(reject);
      start((error, result) => {
        this.#pending.delete(reject);
        if (!error) return resolve(result);
        if (error instanceof Error && 'fatal' in error && error.fatal === true)
          this.#usable = false;
        reject(toSourceError(error, action));
      });
    });
  }
}

/** The part of mysql2's Query command (lib/commands/query.js) that the tap relies on; its version is pinned. */
interface QueryCommand {
  row(packet: RowPacket, connection: unknown): unknown;
}

interface RowPacket {
  readonly buffer: Buffer;
  readonly offset: number;
  readonly end: number;
  isEOF(): boolean;
}

/** The command asks `this.row` for its next step after the columns: a method of its own comes first. */
function tapRows(query: Query, onRow: RowPacketHandler): void {
  const command = query as unknown as QueryCommand;
  const end = command.row;
  command.row = function tap(packet, connection) {
    if (packet.isEOF()) return end.call(this, packet, connection);
    onRow(packet.buffer, packet.offset, packet.end);
    return tap;
  };
}

function tlsOptions(ssl: NonNullable<MysqlSourceOptions['ssl']>): SslOptions {
  return {
    rejectUnauthorized: ssl.rejectUnauthorized,
    verifyIdentity: ssl.rejectUnauthorized,
    ...(ssl.ca !== undefined && { ca: readCertificate(ssl.ca) }),
  };
}

function readCertificate(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new CdcError('CDC_CONFIG_INVALID', `source.ssl.ca: cannot read ${path}`, {
      cause: error,
      details: { path },
      remedy: 'Set source.ssl.ca to a readable PEM file.',
    });
  }
}
