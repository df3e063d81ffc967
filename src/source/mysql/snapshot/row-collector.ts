import type { Version } from '../../../change/position.ts';
import type { ColumnType, TableSchema } from '../../../change/table-schema.ts';
import { ByteWriter } from '../../../lib/byte-writer.ts';
import type { KeysetQuery } from './keyset-query.ts';
import type { PacketSink } from './packet-batches.ts';
import { TextRowEncoder } from './text-row-encoder.ts';

/** Rows of one table as row bytes. */
export interface EncodedRows {
  readonly bytes: Buffer;
  readonly rowCount: number;
  /** Key of the last of them; absent when there are none. */
  readonly lastKey?: readonly string[];
}

/**
 * What the snapshot SELECTs for a column. A FLOAT prints only 6 digits, and FLOAT(M,D) or
 * DOUBLE(M,D) only D: as a plain double it prints all. Multiplied, not added to zero: that would lose -0.
 * BIT prints as raw bytes unless it is a number.
 */
export function snapshotExpression(name: string, type: ColumnType): string {
  if (type.kind === 'float') return `${name} * 1e0`;
  return type.kind === 'bit' ? `${name} + 0` : name;
}

/** Encodes row packets and remembers the last key; a batch is full at `maxBytes`. */
export class RowCollector implements PacketSink<EncodedRows> {
  readonly #query: KeysetQuery;
  readonly #encoder: TextRowEncoder;
  readonly #maxBytes: number;
  readonly #writer: ByteWriter;
  #rowCount = 0;
  #lastPacket: Buffer | undefined;
  #lastOffset = 0;
  #lastEnd = 0;

  constructor(schema: TableSchema, query: KeysetQuery, maxBytes: number) {
    this.#query = query;
    this.#encoder = new TextRowEncoder(schema);
    this.#maxBytes = maxBytes;
    this.#writer = new ByteWriter();
  }

  set version(version: Version) {
    this.#encoder.version = version;
  }

  add(buffer: Buffer, offset: number, end: number): boolean {
    this.#encoder.encode(buffer, offset, end, this.#writer);
    this.#rowCount++;
    // Only the last one's key is wanted; the driver writes no second time into a chunk it has read.
    this.#lastPacket = buffer;
    this.#lastOffset = offset;
    this.#lastEnd = end;
    return this.#writer.offset >= this.#maxBytes;
  }

  take(): EncodedRows {
    const last = this.#lastPacket;
    const rows = {
      bytes: this.#writer.take(),
      rowCount: this.#rowCount,
      ...(last && { lastKey: this.#query.keyOf(last, this.#lastOffset, this.#lastEnd) }),
    };
    this.#rowCount = 0;
    this.#lastPacket = undefined;
    return rows;
  }
}
