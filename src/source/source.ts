import type { ChangeBatch, RowsSection } from '../change/change-batch.ts';
import type { Position, Version } from '../change/position.ts';
import type { TableId } from '../change/table-id.ts';
import type { TableSchema } from '../change/table-schema.ts';
import type { Problem } from '../errors.ts';

/**
 * Reads a database: its tables as they are (snapshot) and everything that changes (stream).
 *
 * - Order: the stream yields whole transactions in commit order; a chunk of a snapshot may come at any
 *   moment between them, its rows versioned below every change it may have missed.
 * - Delivery: at least once. After a restart the stream is asked to go on from the last position the
 *   reader stored; the same rows then carry the same versions.
 * - Detail: a source opened with `rows` (the default) streams the rows as they are after each change; with
 *   `changes` also what they were before an update (RowsSection.hasBeforeImages) and which transaction they
 *   belong to (ChangeBatch.marks). Snapshots are the same with both: no section has before images, no
 *   batch has marks.
 * - A schema section stands before the first rows that have the schema, unless the reader knows it.
 * - Back-pressure: both are pulled; nothing is read ahead beyond a bounded buffer.
 * - A value, type or statement that cannot be represented throws a CdcError naming table, column and
 *   position; nothing is skipped.
 * - The caller closes the source; iterators end when their signal aborts.
 */
export interface Source extends AsyncDisposable {
  /** Server flavour and version, for people. Connects on first use. */
  describe(): Promise<{ server: string; version: string }>;

  /** Everything wrong with the server's settings, privileges and tables, at once. Never throws for a finding. */
  preflight(): Promise<Problem[]>;

  /** Schemas of the captured tables as they are now, sorted by table id. */
  tables(): Promise<TableSchema[]>;

  /** A safe place to begin streaming from: every transaction before it is visible to a SELECT that starts now. */
  currentPosition(): Promise<Position>;

  /**
   * The end of the binlog now: every transaction committed before the call lies before it.
   * `bytes` counts from `from` to it over all files, -1 when unknown.
   */
  endPosition(from?: Position): Promise<{ position: Position; bytes: number }>;

  /**
   * Follows the source from `from`. Yields batches as they come, large when behind, one transaction when
   * idle. `open: true` marks a part of a transaction too large for memory: parts follow one another and
   * the last one has `open: false`; a reader must not show the parts before it has the last.
   */
  stream(from: Position, signal: AbortSignal): AsyncIterable<StreamItem>;

  /**
   * Reads `table` in chunks, from after `resume` when given. Safe to run while the stream flows, and for
   * several tables at once. The stream must be running or start from a position not after this call.
   */
  snapshot(
    table: TableId,
    resume: SnapshotProgress | undefined,
    signal: AbortSignal,
  ): AsyncIterable<SnapshotItem>;

  /**
   * Rows with these keys (written as in SnapshotProgress.lastKey) as they are now, all of one version; of keys that the table
   * does not have, deletes. What the stream has delivered is visible to it, and it may see more. Throws a transient error
   * while the table is not as `schema` says. Absent where there is nothing to read rows from.
   */
  readRows?(
    schema: TableSchema,
    keys: readonly (readonly string[])[],
    version: Version,
    signal: AbortSignal,
  ): Promise<RowsSection>;

  /** The stream found a table that needs a new snapshot (DDL whose effect on old rows is unknown, a new table). */
  onSnapshotNeeded(listener: (table: TableId) => void): void;

  /** Rows of these tables are skipped, from the next `stream` and `snapshot` on. Replaces the last set. */
  exclude(tables: ReadonlySet<TableId>): void;

  /** Rows to expect, from the server's statistics; for progress only. */
  estimateRows(table: TableId): Promise<number>;
}

export interface StreamItem {
  readonly batch: ChangeBatch;
  readonly open: boolean;
}

/** What to store with a chunk so that an interrupted snapshot goes on after it. JSON-safe. */
export interface SnapshotProgress {
  readonly table: TableId;
  readonly schemaVersion: string;
  /** Version of the first chunk, as decimal text; rows older than it after the last chunk are swept. */
  readonly firstVersion: string;
  /**
   * Key of the last row read, in key order, each as the server's text, strings and binary as hex of
   * their bytes; absent before the first chunk.
   */
  readonly lastKey?: readonly string[];
  readonly rows: number;
  readonly chunks: number;
  readonly done: boolean;
}

export interface SnapshotItem {
  readonly batch: ChangeBatch;
  readonly progress: SnapshotProgress;
}
