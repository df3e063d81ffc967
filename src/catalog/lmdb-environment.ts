import { chmodSync, existsSync, mkdirSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { type Database, type Key, open, type RootDatabase } from 'lmdb';
import { CdcError } from '../errors.ts';

export type ByteTable<K extends Key> = Database<Buffer, K>;

/**
 * Address space reserved, not memory and not disk: the file grows as it is written. One fixed size,
 * so that readers in other processes never have to map the file anew.
 */
const mapBytes = 2 ** 38;

/**
 * One LMDB file that several tables share, so that changes to them commit together.
 *
 * Commits are synchronous: the event loop waits for the disk, 0.3 ms when it is idle, several ms when
 * it is busy, so callers group their writes. The binding's own write thread (lmdb 3.5.6) was tried
 * and is no way out: on a full disk its queue rejects promises that nobody holds, which ends the
 * process, and its transactions never return. It is also slower (256 KiB: 830 commits/s to 1,870).
 */
export class LmdbEnvironment implements AsyncDisposable {
  readonly folder: string;
  /** Transactions written through this environment. */
  commits = 0;
  readonly #root: RootDatabase<Buffer, Key>;
  readonly readOnly: boolean;

  constructor(folder: string, options: { readOnly: boolean }) {
    this.folder = folder;
    this.readOnly = options.readOnly;
    if (options.readOnly && !existsSync(join(folder, 'data.mdb'))) {
      throw new CdcError('CDC_NOT_INITIALIZED', `There is no catalog in ${folder}.`);
    }
    if (!options.readOnly) {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      chmodSync(folder, 0o700);
    }
    this.#root = open({
      path: folder,
      encoding: 'binary',
      mapSize: mapBytes,
      // A commit that has returned is on disk, not only visible.
      overlappingSync: false,
      noMemInit: true,
      readOnly: options.readOnly,
    });
    // A reader that was killed would keep the pages of its time from being used again.
    if (!options.readOnly) this.#root.readerCheck();
  }

  /** Keys are bytes. */
  byteKeyed(name: string): ByteTable<Buffer> {
    return this.#table(name, 'binary') as ByteTable<Buffer>;
  }

  /** Keys are whole numbers, in their order. */
  numberKeyed(name: string): ByteTable<number> {
    return this.#table(name, 'ordered-binary') as ByteTable<number>;
  }

  /** What is read next is what was committed last, by whichever process. */
  refresh(): void {
    this.#root.resetReadTxn();
  }

  /**
   * Runs `action` as one transaction: when it returns, all its changes are on disk; when it throws,
   * none is. Throws CDC_LOG_FULL when the disk cannot take them; the data from before stays readable
   * and the next call tries again.
   */
  write<T>(action: () => T): T {
    if (this.readOnly) {
      throw new CdcError('CDC_INTERNAL', `Writing to ${this.folder}, which is open for reading.`);
    }
    try {
      const result = this.#root.transactionSync(action);
      this.commits++;
      return result;
    } catch (error) {
      throw this.#isFull(error) ? this.#fullError(error) : error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#root.close();
  }

  #table(name: string, keyEncoding: 'binary' | 'ordered-binary'): Database<Buffer, Key> {
    const table: Database<Buffer, Key> | undefined = this.#root.openDB(name, {
      encoding: 'binary',
      keyEncoding,
    });
    if (table === undefined) {
      throw new CdcError(
        'CDC_NOT_INITIALIZED',
        `The catalog in ${this.folder} has no ${name} yet.`,
      );
    }
    return table;
  }

  #isFull(error: unknown): error is Error {
    return error instanceof Error && 'code' in error && fullCodes.has(error.code);
  }

  #fullError(error: Error): CdcError {
    const { bavail, bsize } = statfsSync(this.folder);
    const freeBytes = bavail * bsize;
    return new CdcError(
      'CDC_LOG_FULL',
      `Writing to ${this.folder} failed: ${error.message}; its file system has ${freeBytes} bytes free.`,
      { cause: error, details: { folder: this.folder, freeBytes } },
    );
  }
}

/**
 * ENOSPC, EDQUOT, EIO and MDB_MAP_FULL. EIO because LMDB reports it for a write that was cut short,
 * which is how a disk that fills up in the middle of a value shows.
 */
const fullCodes: ReadonlySet<unknown> = new Set([28, 122, 5, -30792]);
