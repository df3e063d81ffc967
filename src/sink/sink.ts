import type { Problem } from '../errors.ts';
import type { RowEngine } from './row-engine.ts';
import type { SinkTable } from './sink-table.ts';
import type { TypeMap } from './type-map.ts';

/**
 * A store outside of the warehouse that holds the current rows of some tables and models.
 *
 * - What comes: batches of one table, one after another; of different tables at the same time. A batch has a key at most
 *   once, with its newest row or its deletion, and each row has the version of its place in the source.
 * - **Replays are harmless.** A row never takes the place of one with a higher version; one with the same version may (so
 *   that a repair mends what somebody else wrote). Deletions of rows that are not there are nothing.
 * - **Progress lies in the store**, beside the rows: in one transaction with them where the store has transactions,
 *   otherwise written after them. `write` looks first whether the store is where the batch follows (`step.follows`) and throws
 *   CDC_SINK_STALE if not, so that a process which lost its place cannot take the store back. What the loader does after any
 *   transient error is to read the progress: a batch that arrived although its answer did not is not written again.
 * - **Errors** are CdcErrors by what has to be done (sink-errors.ts has a function for each): transient (the call is repeated),
 *   CDC_SINK_REJECTED with `details.table` (rows of this batch will never be taken: it is split until the bad row stands alone, which
 *   becomes a dead letter), CDC_SINK_INCOMPATIBLE with `details.table` (the table is paused, others go on), anything else stops
 *   the sink until somebody acts, and no other sink.
 * - Several calls at the same time must work; connections are limited by the sink's own options.
 */
export type Sink = LineSink | QuerySink;

/** Takes rows as lines that the engine has printed; a batch can be split between lines. */
export interface LineSink extends SinkBase {
  readonly takes: 'lines';
  /**
   * What the engine prints: the table's columns in order, then `_version` and `_deleted` (0 or 1). Fields of JSONEachRow have the
   * names of the store. In a deleted row all columns but those of the key are NULL.
   */
  readonly format: LineFormat;
  /** Settings for printing, e.g. `output_format_json_quote_64bit_integers`. */
  readonly formatSettings?: Readonly<Record<string, string | number>>;
  write(batch: LineBatch): Promise<void>;
}

/** Reads its rows from the engine itself, in whatever form it wants. */
export interface QuerySink extends SinkBase {
  readonly takes: 'queries';
  write(batch: QueryBatch): Promise<void>;
}

/** Forms in which a row never holds a newline. */
export type LineFormat = 'TabSeparated' | 'JSONEachRow' | 'JSONCompactEachRow';

interface SinkBase extends AsyncDisposable {
  readonly types: TypeMap;
  /** What is wrong with the store or our rights there; an answer also when the store does not answer. */
  preflight(): Promise<Problem[]>;
  /** The progress of every table, by `SinkTable.source`. */
  progress(): Promise<ReadonlyMap<string, Progress>>;
  /** What `prepare` would do to the store as it is: statements, or sentences where there are none; none: it fits. */
  plan(table: SinkTable, options: PrepareOptions): Promise<readonly string[]>;
  /**
   * Creates the table, or makes it fit: columns added, widened, dropped if asked. Repeated after a crash on the way it ends the
   * same. Throws CDC_SINK_INCOMPATIBLE where rows in the store cannot be carried over, or the key is another one.
   */
  prepare(table: SinkTable, options: PrepareOptions): Promise<void>;
  /** Deletes every row whose version is below `step.below`, then keeps the progress. */
  sweep(table: SinkTable, sweep: Sweep): Promise<void>;
  /** Removes the table with its rows and its progress; nothing when there is none. */
  drop(table: SinkTable): Promise<void>;
  /**
   * Count and sums of each bucket of keys, computed inside the store (checksum.ts has the rule); absent where the store cannot.
   */
  checksums?(table: SinkTable, digits: number): Promise<readonly Checksum[]>;
  /**
   * The rows as they are in the store, for comparing: lines of TabSeparated with the canonical text of each column
   * (StoredColumn.canonical), then `_version`; no deleted rows. `buckets`: only those, or more.
   */
  readBack(table: SinkTable, buckets?: BucketChoice): AsyncIterable<Buffer>;
}

export interface PrepareOptions {
  /** Drop columns that the table no longer has; otherwise they stay, and new rows have NULL there. */
  readonly drop: boolean;
  /** Fail with CDC_SINK_INCOMPATIBLE instead of creating or altering anything. */
  readonly mayAlter: boolean;
}

interface Batch {
  readonly table: SinkTable;
  /**
   * 40 hex digits. Of lines it names exactly these rows at this place, so a store may leave out a batch whose token it knows. Of a
   * query it names the place only, and the rows may be fewer when it is read again: overwrite by it, never skip by it.
   */
  readonly token: string;
  /** A batch may be empty, so that only the progress is kept. */
  readonly step: ProgressStep;
}

export interface LineBatch extends Batch {
  readonly rowCount: number;
  /** Whole lines, each with its newline; the chunks are cut anywhere. */
  readonly body: readonly Buffer[];
}

export interface QueryBatch extends Batch {
  /** The batch has not more rows than that. */
  readonly maxRows: number;
  /**
   * A SELECT of the rows: the table's columns under their target names and in their order, then `_version` (UInt64) and `_deleted`
   * (UInt8). Read again it may give fewer rows: what changed meanwhile comes with a later batch.
   */
  readonly select: string;
  readonly engine: RowEngine;
  /** The store may not have what it seems to have: the rows are written even where it seems to have them. */
  readonly isRepair: boolean;
  /**
   * Keeps rows that the store will never take as dead letters; to be called before the progress is kept, and the rest of the batch
   * written. `found`: a SELECT of `key` (JSON of the key's texts, strings as hex), `version` and `reason`.
   */
  readonly refuse: (found: string) => Promise<void>;
}

/** What a store keeps for a table. Only `sequence` means something to a sink. */
export interface Progress {
  /** 1 with the first batch, and one more with each. */
  readonly sequence: number;
  /** JSON of ours; UTF-8, below 64 KiB. */
  readonly value: string;
}

export interface ProgressStep {
  /** Sequence of the progress that the store must have now; 0: none. */
  readonly follows: number;
  /** To be kept together with the rows. */
  readonly next: Progress;
}

export interface Sweep {
  readonly below: bigint;
  readonly step: ProgressStep;
}

/** Of the keys whose md5 begins with `bucket`. */
export interface Checksum {
  readonly bucket: string;
  readonly rows: number;
  readonly sum1: bigint;
  readonly sum2: bigint;
}

export interface BucketChoice {
  /** Hex digits of a bucket's name. */
  readonly digits: number;
  readonly names: ReadonlySet<string>;
}
