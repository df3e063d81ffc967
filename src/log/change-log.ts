import type { ChangeBatch } from '../change/change-batch.ts';
import type { TableId } from '../change/table-id.ts';
import type { TableSchema } from '../change/table-schema.ts';

/** A place in a change log, before an entry or at the end. Starts at 0 and grows by at least one an entry. */
export type LogOffset = number;

export interface LogEntry {
  readonly offset: LogOffset;
  /** The place after it. */
  readonly next: LogOffset;
  readonly batch: ChangeBatch;
}

/** What a consumer has still to read of one partition, where the log has partitions. */
export interface PartitionLag {
  readonly topic: string;
  readonly partition: number;
  /** Records before it are loaded. */
  readonly loaded: number;
  /** After the last record that belongs to the log. */
  readonly end: number;
  readonly lag: number;
  /** Time of the oldest record not loaded, by whoever wrote it; undefined when there is none. */
  readonly oldestUnloadedAtMs: number | undefined;
}

export interface AppendOptions {
  /** JSON values by name, stored in the same commit; undefined removes. */
  readonly checkpoints?: Readonly<Record<string, unknown>>;
  readonly open?: boolean;
  /**
   * Topics named by CDC_LOG_TOPIC_LOST whose tables are stopped or read anew with this append: they are
   * made again when they are needed next.
   */
  readonly lostTopics?: readonly string[];
  /** Gives up waiting for room; the append then rejects with the signal's reason, and nothing is written. */
  readonly signal?: AbortSignal;
}

/**
 * Keeps changes between capture and load.
 *
 * - Order: entries are read in the order they were appended.
 * - Durability: when `append` resolves, the batches *and* the checkpoints given with them survive a
 *   crash together; before that neither does.
 * - Atomicity: batches of the stream appended with `open` are invisible, and their checkpoints and
 *   schemas unset, until a batch of the stream is appended without it; a crash in between or
 *   `discardOpen` drops them. Chunks of a snapshot and bare checkpoints may be appended meanwhile.
 * - Retention: an entry is kept until every registered consumer has committed past it, and beyond
 *   that up to `retainBytes`.
 * - Back-pressure: `append` waits while consumers are more than `maxBytes` behind.
 * - Errors: CDC_LOG_FULL when the disk is full. An append that fails also fails those waiting behind
 *   it, so nothing is acknowledged that follows a hole; the next one starts afresh.
 */
export interface ChangeLog extends AsyncDisposable {
  /** Appends; resolves to the offset after the last visible entry. */
  append(batches: readonly ChangeBatch[], options?: AppendOptions): Promise<LogOffset>;

  /**
   * Drops the open parts appended so far; call it when a stream begins anew in mid-transaction. Throws
   * CDC_LOG_TOPIC_LOST, with `details.topic`, while a topic is gone that no append has seen to.
   */
  discardOpen(): Promise<void>;

  /**
   * Entries from `offset` on that are already there, up to `maxBytes` (at least one entry when there
   * is one). With `wants`, sections of other tables are left out and do not count; every entry keeps its
   * place and its position. Throws CDC_LOG_CORRUPT for one that cannot be read.
   */
  read(
    offset: LogOffset,
    maxBytes: number,
    wants?: (table: TableId) => boolean,
  ): Promise<LogEntry[]>;

  /** Resolves when an entry at `offset` is readable, or when the signal aborts. */
  waitFor(offset: LogOffset, signal: AbortSignal): Promise<void>;

  /** The offset the next visible entry will get. */
  end(): LogOffset;

  checkpoint<T>(name: string): T | undefined;
  checkpoints<T>(prefix: string): Map<string, T>;

  /** The schema a section of rows was written with. Remembered from the schema sections appended. */
  schema(table: TableId, version: string): TableSchema | undefined;
  /** The newest schema of each table. */
  schemas(): Map<TableId, TableSchema>;

  /** The consumer's committed offset; on first use registers it at the first entry there is. */
  committed(consumer: string): LogOffset;
  commit(consumer: string, offset: LogOffset): Promise<void>;

  stats(): { entries: number; bytes: number; firstOffset: LogOffset; end: LogOffset };

  /** Where the log has partitions: how far a consumer at `offset` that wants these tables is in each. */
  lags?(offset: LogOffset, wants?: (table: TableId) => boolean): Promise<PartitionLag[]>;
}
