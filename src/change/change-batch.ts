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
}

export type Section = RowsSection | SchemaSection | TruncateSection | SweepSection;

/** Rows of one table, all in the layout of one schema version; see table-schema.ts for the bytes. */
export interface RowsSection {
  readonly kind: 'rows';
  readonly table: TableId;
  readonly schemaVersion: string;
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
  /** Value of an added column in rows that existed before, as SQL literal text by column name. */
  readonly defaults?: Readonly<Record<string, string>>;
  readonly version: Version;
}

/** Every row older than `version` is gone: TRUNCATE, DROP or a rename away. A barrier for the table. */
export interface TruncateSection {
  readonly kind: 'truncate';
  readonly table: TableId;
  readonly version: Version;
}

/**
 * A snapshot of the table is complete. Rows that were there before it and that it did not meet
 * (version below `version`) no longer exist in the source.
 */
export interface SweepSection {
  readonly kind: 'sweep';
  readonly table: TableId;
  readonly version: Version;
}
