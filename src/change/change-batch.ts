import type { MessageLayout } from './message-layout.ts';
import type { Position, Version } from './position.ts';
import type { TableId } from './table-id.ts';
import type { TableSchema } from './table-schema.ts';

/**
 * The unit that flows: changes of one or more whole source transactions (or of one snapshot chunk).
 *
 * - Sections are in source order. Rows of one table between two barriers (schema, truncate) may be
 *   gathered into one section; the order of sections of different tables carries no meaning.
 * - Every row carries its version, so applying a batch again, or an older one later, is harmless.
 * - Rows stay bytes: nothing between the decoder and the sink looks inside.
 */
export interface ChangeBatch {
  readonly origin: 'snapshot' | 'stream';
  readonly sections: readonly Section[];
  /**
   * Stream: the place after the last transaction of the batch. Snapshot: the chunk's high watermark;
   * the table agrees with the source once the stream has passed it.
   */
  readonly position: Position;
  /** Source transactions in the batch; 0 for a snapshot chunk. */
  readonly transactions: number;
  /** Commit time of the last transaction by the source's clock (whole seconds on MariaDB). */
  readonly committedAtMs: number;
  /** When the capture had received the batch, by our clock. */
  readonly receivedAtMs: number;
  /**
   * Stream: one for each transaction, in order, where the reader asked the source for them. A snapshot
   * chunk has none: its rows are of no transaction.
   */
  readonly marks?: readonly TransactionMark[];
}

/**
 * Where a transaction of the batch ends. A row belongs to the first whose `end` is above its version.
 * Every part of a transaction too large for memory has its mark: the place of its end is known with
 * the last part only, in the others `end` is just above every row that the transaction can have.
 */
export interface TransactionMark {
  readonly end: Version;
  /** The GTID; where the server has none, `file:offset` of the transaction's beginning. */
  readonly id: string;
  readonly committedAtMs: number;
}

export type Section =
  | RowsSection
  | MessagesSection
  | SchemaSection
  | TruncateSection
  | SweepSection;

/** Rows of one table, all in the layout of one schema version; see table-schema.ts for the bytes. */
export interface RowsSection {
  readonly kind: 'rows';
  readonly table: TableId;
  readonly schemaVersion: string;
  readonly rowCount: number;
  readonly bytes: Buffer;
  /**
   * An update is two rows: the one before it, `_deleted` = 2, directly followed by the one after it.
   * Both count in `rowCount`. Asked for where changes are shown to others (log/kafka); no sink takes such rows.
   */
  readonly hasBeforeImages?: true;
  /** Where a log with topics keeps these rows; set by the router. */
  readonly topic?: string;
}

/**
 * Changes of one table as a tool wrote them into a queue: lines of JSON (change/message-line.ts), which
 * the sink takes apart by `layout`. Nothing in between parses them.
 */
export interface MessagesSection {
  readonly kind: 'messages';
  readonly table: TableId;
  readonly schemaVersion: string;
  readonly layout: MessageLayout;
  /** Lines; one may hold several rows (Canal). */
  readonly rowCount: number;
  readonly bytes: Buffer;
}

/**
 * The table has this schema from here on (first sight, or DDL). A barrier for the table.
 * `existingRows` says what becomes of rows already loaded: `keep` (columns added are NULL or take
 * `defaults`), or `resnapshot` (their values cannot be known from the log: the table is emptied and
 * read again).
 */
export interface SchemaSection {
  readonly kind: 'schema';
  readonly table: TableId;
  readonly schema: TableSchema;
  readonly existingRows: 'keep' | 'resnapshot';
  /** The statement that changed the table, where it was one; for people. */
  readonly ddl?: string;
  /** Value of an added column in rows that existed before, as SQL literal text by column name. */
  readonly defaults?: Readonly<Record<string, string>>;
  readonly version: Version;
  /** Where a log with topics tells of it; set by the router. */
  readonly topics?: readonly string[];
}

/** Every row older than `version` is gone: TRUNCATE, DROP or a rename away. A barrier for the table. */
export interface TruncateSection {
  readonly kind: 'truncate';
  readonly table: TableId;
  /** The statement; for people. */
  readonly ddl?: string;
  readonly version: Version;
  /** As of a schema section. */
  readonly topics?: readonly string[];
  readonly only?: RowCondition;
  /** When it arrived, a number as text: for tables whose schema has `arrival`. */
  readonly arrival?: string;
}

/**
 * A snapshot of the table is complete. Rows that were there before it and that it did not meet
 * (version below `version`) no longer exist in the source.
 */
export interface SweepSection {
  readonly kind: 'sweep';
  readonly table: TableId;
  readonly version: Version;
  readonly only?: RowCondition;
}

/**
 * Some rows of a table: those whose string column `column`, never NULL, has this value. Several shards
 * may go into one table; what empties one of them must not touch the rows of the others.
 */
export interface RowCondition {
  readonly column: string;
  readonly value: string;
}

/** A text that is equal for the same rows of the same table; of a whole table its id. */
export function scopeOf({
  table,
  only,
}: {
  table: TableId;
  only?: RowCondition | undefined;
}): string {
  return only === undefined ? table : JSON.stringify([table, only.column, only.value]);
}
