import type { ChangeBatch } from '../change/change-batch.ts';
import type { TableId } from '../change/table-id.ts';
import type { TableSchema } from '../change/table-schema.ts';

/** A place in a change log: the number of entries before it. Starts at 0, grows by one an entry. */
export type LogOffset = number;

export interface LogEntry {
  readonly offset: LogOffset;
  readonly batch: ChangeBatch;
}

/**
 * Keeps changes between capture and load.
 *
 * - Order: entries are read in the order they were appended.
 * - Durability: when `append` resolves, the batches *and* the checkpoints given with them survive a
 *   crash together; before that neither does.
 * - Atomicity: entries appended with `open` are invisible until an append without it; a crash in
 *   between drops them, and the checkpoint with them.
 * - Retention: an entry is kept until every registered consumer has committed past it, and beyond
 *   that up to `retainBytes`.
 * - Back-pressure: `append` waits while consumers are more than `maxBytes` behind.
 * - Errors: CDC_LOG_FULL when the disk is full.
 */
export interface ChangeLog extends AsyncDisposable {
  /** Appends; resolves to the offset after the last entry. Checkpoints are JSON values by name; undefined removes. */
  append(
    batches: readonly ChangeBatch[],
    options?: { checkpoints?: Readonly<Record<string, unknown>>; open?: boolean },
  ): Promise<LogOffset>;

  /** Entries from `offset` on that are already there, up to `maxBytes` (at least one entry when there is one). */
  read(offset: LogOffset, maxBytes: number): LogEntry[];

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

  /** The consumer's committed offset; registers it at 0 on first use. */
  committed(consumer: string): LogOffset;
  commit(consumer: string, offset: LogOffset): Promise<void>;

  stats(): { entries: number; bytes: number; firstOffset: LogOffset; end: LogOffset };
}
