import type { SchemaSection, SweepSection, TruncateSection } from '../change/change-batch.ts';
import type { MessageLayout } from '../change/message-layout.ts';
import type { TableId } from '../change/table-id.ts';
import type { TableSchema } from '../change/table-schema.ts';

/**
 * Takes changes into ODS, the tables of the warehouse that are as those of the source.
 *
 * - Every method is idempotent: the loader repeats whatever it cannot prove done, with the same
 *   token and the same bytes, and rows carry versions, so an older row never wins over a newer one.
 * - Order: calls for one table come one after another, in log order; different tables in parallel.
 * - Errors: a transient failure is a CdcError of kind `transient`; the loader repeats the call. One
 *   that concerns a single table for good is of kind `operator` with `details.table`; the loader
 *   pauses that table. Any other one stops the loader.
 */
export interface Ods extends AsyncDisposable {
  /** Creates or evolves the table so that rows of this schema fit. */
  applySchema(section: SchemaSection): Promise<void>;
  /**
   * Deletes every row older than the section's version, of those that `only` names when it is there;
   * used by truncate and by the end of a snapshot. Does nothing when there is no such table.
   */
  deleteOlder(section: TruncateSection | SweepSection): Promise<void>;
  /** Writes rows, visible when it resolves. Throws if the store took fewer rows than were sent. */
  write(load: TableLoad): Promise<void>;
}

export interface TableLoad {
  readonly schema: TableSchema;
  readonly rowCount: number;
  /** Row bytes in log order (change/table-schema.ts), or lines of messages when there is a layout. */
  readonly chunks: readonly Buffer[];
  /**
   * Chunks are lines of messages (change/message-line.ts) to be taken apart by this. Lines that cannot be
   * are kept as dead letters (dead-letters.ts) with the reason; they do not fail the write.
   */
  readonly layout?: MessageLayout;
  /** Where dead letters are said to belong, if not to the schema's table. */
  readonly lettersOf?: TableId;
  /** The same for the same rows on every attempt. */
  readonly token: string;
}
