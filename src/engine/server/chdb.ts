import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { ServerException } from './server-exception.ts';

/**
 * The addon of the npm package chdb (pinned), without the package's Session around it, because
 * - a Session that closes waits until every statement of the process has ended, so one long statement
 *   would keep thousands of connections open;
 * - it does not give the number of rows that an INSERT ... SELECT wrote, and that number is what
 *   proves an insert (`INSERT ... SELECT ... FROM input()` writes nothing and reports success);
 * - its parameter binding is shared by all connections. `SET param_x = ...` on a connection is not.
 *
 * Measured on 26.7.2: a connection costs 0.2 ms and 130 KB; connections of one folder run statements
 * side by side; one connection runs one statement at a time.
 */
interface NativeChdb {
  CreateConnection(folder: string, args: readonly string[]): NativeConnection;
  CloseConnection(connection: NativeConnection): void;
  /** Runs on the calling thread. */
  QueryWithConnection(connection: NativeConnection, sql: string, format: string): string;
  QueryAsyncConnection(
    connection: NativeConnection,
    sql: string,
    format: string,
  ): Promise<ReadResult>;
  /** Runs `prefix + data`; made for INSERT ... FORMAT with inline rows, but any INSERT will do. */
  InsertRawAsyncConnection(
    connection: NativeConnection,
    prefix: string,
    data: Buffer,
    countLines: boolean,
  ): Promise<WriteCount>;
  StreamQuery(connection: NativeConnection, sql: string, format: string): NativeStream;
  StreamFetch(stream: NativeStream): Promise<{ readonly done: boolean; readonly bytes: Buffer }>;
  StreamCancel(stream: NativeStream): void;
}

type NativeConnection = { readonly __connection: never };
type NativeStream = { readonly __stream: never };

/** Rows and bytes written, those by materialized views included. */
export interface WriteCount {
  readonly rowsWritten: number;
  readonly bytesWritten: number;
}

export interface ReadResult {
  readonly bytes: Buffer;
  /** Rows of the result, despite the name. */
  readonly rowsRead: number;
}

/**
 * ClickHouse's engine on one data folder, which it locks against other processes. It exists once per
 * process, and ends with the last connection; close them first.
 */
export class Chdb {
  readonly #native: NativeChdb;
  readonly #folder: string;
  readonly #root: NativeConnection;

  private constructor(native: NativeChdb, folder: string, root: NativeConnection) {
    this.#native = native;
    this.#folder = folder;
    this.#root = root;
  }

  /**
   * `args` are server settings in clickhouse-local's form. Throws when the addon for this platform is
   * not installed, or the folder is locked or damaged (the reason is then on stderr, written by chdb).
   */
  static open(folder: string, args: readonly string[]): Chdb {
    const native = loadNative();
    return new Chdb(native, folder, native.CreateConnection(folder, args));
  }

  /** A connection with nothing set; close it. */
  connect(): ChdbConnection {
    return new ChdbConnection(this.#native, this.#native.CreateConnection(this.#folder, []));
  }

  close(): void {
    this.#native.CloseConnection(this.#root);
  }
}

/** One statement at a time. Every method throws ServerException. */
export class ChdbConnection implements Disposable {
  readonly #native: NativeChdb;
  readonly #connection: NativeConnection;

  constructor(native: NativeChdb, connection: NativeConnection) {
    this.#native = native;
    this.#connection = connection;
  }

  /** Runs `SET` or `USE` at once, on this thread (0.3 ms). */
  prepare(sql: string): void {
    try {
      this.#native.QueryWithConnection(this.#connection, sql, 'Null');
    } catch (error) {
      throw ServerException.from(error);
    }
  }

  /** Runs a statement on a worker thread, its result in memory. */
  async run(sql: string, format: string): Promise<ReadResult> {
    try {
      return await this.#native.QueryAsyncConnection(this.#connection, sql, format);
    } catch (error) {
      throw ServerException.from(error);
    }
  }

  /** Runs an INSERT that brings its own rows: VALUES or SELECT. */
  async insert(sql: string): Promise<WriteCount> {
    try {
      const { rowsWritten, bytesWritten } = await this.#native.InsertRawAsyncConnection(
        this.#connection,
        sql,
        Buffer.from(' '),
        false,
      );
      return { rowsWritten, bytesWritten };
    } catch (error) {
      throw ServerException.from(error);
    }
  }

  /** Runs a SELECT and yields its result as it comes; ending the iteration early cancels it. */
  async *stream(sql: string, format: string): AsyncGenerator<Buffer, void> {
    let stream: NativeStream | undefined;
    try {
      stream = this.#native.StreamQuery(this.#connection, sql, format);
      for (;;) {
        const { done, bytes } = await this.#native.StreamFetch(stream);
        if (done) return;
        yield bytes;
      }
    } catch (error) {
      throw ServerException.from(error);
    } finally {
      if (stream !== undefined) this.#native.StreamCancel(stream);
    }
  }

  /** No statement may be running. */
  close(): void {
    this.#native.CloseConnection(this.#connection);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** The package exports no way to its addon, so its loader is required by its path. */
function loadNative(): NativeChdb {
  const require = createRequire(import.meta.url);
  const folder = dirname(require.resolve('chdb/package.json'));
  const loader = require(join(folder, 'dist', 'loader.js')) as { loadNative(): NativeChdb };
  return loader.loadNative();
}
