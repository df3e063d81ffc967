import type { Position } from '../change/position.ts';
import type { TableSchema } from '../change/table-schema.ts';

/**
 * Reads rows as the server's own text (TabSeparated with ClickHouse's escapes), for proofs: a way to
 * the data that shares nothing with the encoders of snapshot and stream.
 */
export interface SourceText {
  /** The whole table in chunks by key. */
  readText(schema: TableSchema, signal: AbortSignal): AsyncIterable<TextChunk>;
  /** The rows that exist now among these keys; each key as text in key order (binary columns as hex). */
  readTextOfKeys(
    schema: TableSchema,
    keys: readonly (readonly string[])[],
    signal: AbortSignal,
  ): Promise<TextChunk>;
}

export interface TextChunk {
  readonly text: Buffer;
  readonly rows: number;
  /** Every change at or before it is in the rows. */
  readonly low: Position;
  /** No change after it is in the rows. */
  readonly high: Position;
}
