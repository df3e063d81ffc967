import { type TableSchema, valueBytes } from '../change/table-schema.ts';
import { CdcError } from '../errors.ts';

/** UInt64 version and UInt8 deleted, behind the columns of every row. */
export const tailBytes = 9;

/** Where one row and its columns lie in a buffer. Reused from row to row. */
export interface RowView {
  readonly bytes: Buffer;
  /** Start of each column, its NULL byte included; then the start of the tail. */
  readonly starts: Int32Array;
}

/**
 * Finds the columns of rows of one schema without decoding them; see change/table-schema.ts for the
 * bytes.
 */
export class RowLayout {
  readonly columns: number;
  readonly #table: string;
  /** Bytes of a value; -1: a LEB128 length in front says. */
  readonly #widths: Int8Array;
  readonly #nullable: Uint8Array;

  constructor(schema: TableSchema) {
    this.#table = schema.table;
    this.columns = schema.columns.length;
    this.#widths = Int8Array.from(schema.columns, ({ type }) => valueBytes(type) ?? -1);
    this.#nullable = Uint8Array.from(schema.columns, ({ nullable }) => (nullable ? 1 : 0));
  }

  newStarts(): Int32Array {
    return new Int32Array(this.columns + 1);
  }

  /** Fills `starts` for the row at `offset`; returns where the next one begins. */
  find(bytes: Buffer, offset: number, starts: Int32Array): number {
    const widths = this.#widths;
    const nullable = this.#nullable;
    const count = this.columns;
    let at = offset;
    for (let index = 0; index < count; index++) {
      starts[index] = at;
      if (nullable[index] === 1 && bytes[at++] === 1) continue;
      const width = widths[index] ?? 0;
      if (width >= 0) {
        at += width;
        continue;
      }
      let byte = bytes[at++] ?? 0;
      let length = byte & 0x7f;
      for (let shift = 7; byte >= 0x80; shift += 7) {
        byte = bytes[at++] ?? 0;
        length += (byte & 0x7f) * 2 ** shift;
      }
      at += length;
    }
    starts[count] = at;
    if (at + tailBytes <= bytes.length) return at + tailBytes;
    throw new CdcError(
      'CDC_INTERNAL',
      `Routing ${this.#table}: its rows end in the middle of a value.`,
    );
  }
}

/** Where the bytes behind a LEB128 length begin and end. Writes into `span` and returns it. */
export function readSpan(bytes: Buffer, offset: number, span: Span): Span {
  let at = offset;
  let byte = bytes[at++] ?? 0;
  let length = byte & 0x7f;
  for (let shift = 7; byte >= 0x80; shift += 7) {
    byte = bytes[at++] ?? 0;
    length += (byte & 0x7f) * 2 ** shift;
  }
  span.start = at;
  span.end = at + length;
  return span;
}

export interface Span {
  start: number;
  end: number;
}
