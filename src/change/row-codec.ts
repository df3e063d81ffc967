import { ByteWriter } from '../lib/byte-writer.ts';
import { type ColumnType, decimalBytes, type TableSchema } from './table-schema.ts';

/**
 * Row bytes as values, the plain and slow way: for in-memory connectors, tests and people. The hot
 * path never comes here, it copies bytes.
 *
 * | kind                                | value                                                   |
 * | int up to 32 bits, float, year      | number                                                  |
 * | int of 64 bits, bit                 | bigint                                                  |
 * | decimal                             | bigint, the value x 10^scale                            |
 * | date                                | number, days since 1970-01-01                           |
 * | datetime, timestamp, time           | bigint, ticks of 10^-fsp s                              |
 * | string, json, anything as text      | string                                                  |
 * | binary, geometry                    | Buffer                                                  |
 */
export type RowValue = number | bigint | string | Buffer | null;

export interface Row {
  readonly values: readonly RowValue[];
  readonly version: bigint;
  readonly deleted: boolean;
  /** The row before an update; see RowsSection.hasBeforeImages. Not together with `deleted`. */
  readonly isBefore?: true;
}

export function encodeRows(schema: TableSchema, rows: readonly Row[]): Buffer {
  const writer = new ByteWriter(1024);
  for (const { values, version, deleted, isBefore } of rows) {
    for (const [index, { type, nullable }] of schema.columns.entries()) {
      const value = values[index] ?? null;
      if (value === null && !nullable) {
        throw new TypeError(`${schema.table}: NULL in column ${index}, which is not nullable`);
      }
      if (nullable) writeInteger(writer, BigInt(value === null), 1);
      if (value !== null) writeValue(writer, type, value);
    }
    writeInteger(writer, version, 8);
    writeInteger(writer, isBefore ? 2n : BigInt(deleted), 1);
  }
  return writer.take();
}

export function decodeRows(schema: TableSchema, bytes: Buffer): Row[] {
  const reader = new RowReader(bytes);
  const rows: Row[] = [];
  while (!reader.isAtEnd) {
    const values = schema.columns.map(({ type, nullable }) =>
      nullable && reader.integer(1, false) === 1n ? null : readValue(reader, type),
    );
    const version = reader.integer(8, false);
    const flag = reader.integer(1, false);
    rows.push({ values, version, deleted: flag === 1n, ...(flag === 2n && { isBefore: true }) });
  }
  return rows;
}

/** How a type is laid out: bytes of a little-endian integer, an IEEE float, or LEB128 length and bytes. */
type Layout =
  | { readonly form: 'integer'; readonly bytes: number; readonly signed: boolean; big: boolean }
  | { readonly form: 'float'; readonly bytes: number }
  | { readonly form: 'text' }
  | { readonly form: 'bytes' };

function layoutOf(type: ColumnType): Layout {
  if ('text' in type && type.text) return { form: 'text' };
  switch (type.kind) {
    case 'int':
      return integer(type.bits / 8, !type.unsigned, type.bits === 64);
    case 'float':
      return { form: 'float', bytes: type.bits / 8 };
    case 'decimal':
      return integer(decimalBytes(type.precision), true, true);
    case 'date':
      return integer(4, true, false);
    case 'datetime':
    case 'timestamp':
    case 'time':
      return integer(8, true, true);
    case 'year':
      return integer(2, false, false);
    case 'bit':
      return integer(8, false, true);
    case 'string':
    case 'json':
      return { form: 'text' };
    case 'binary':
    case 'geometry':
      return { form: 'bytes' };
  }
}

function integer(bytes: number, signed: boolean, big: boolean): Layout {
  return { form: 'integer', bytes, signed, big };
}

function writeValue(writer: ByteWriter, type: ColumnType, value: RowValue): void {
  const layout = layoutOf(type);
  if (layout.form === 'integer') {
    writeInteger(writer, BigInt(value as number | bigint), layout.bytes);
  } else if (layout.form === 'float') {
    writer.reserve(8);
    const { view, offset } = writer;
    if (layout.bytes === 4) view.setFloat32(offset, Number(value), true);
    else view.setFloat64(offset, Number(value), true);
    writer.offset += layout.bytes;
  } else {
    const bytes = Buffer.isBuffer(value) ? value : Buffer.from(String(value));
    writer.reserve(5 + bytes.length);
    writer.writeVarUint(bytes.length);
    writer.offset += bytes.copy(writer.buffer, writer.offset);
  }
}

function writeInteger(writer: ByteWriter, value: bigint, bytes: number): void {
  writer.reserve(bytes);
  let rest = BigInt.asUintN(bytes * 8, value);
  for (let index = 0; index < bytes; index++) {
    writer.buffer[writer.offset++] = Number(rest & 0xffn);
    rest >>= 8n;
  }
}

function readValue(reader: RowReader, type: ColumnType): RowValue {
  const layout = layoutOf(type);
  switch (layout.form) {
    case 'integer': {
      const value = reader.integer(layout.bytes, layout.signed);
      return layout.big ? value : Number(value);
    }
    case 'float':
      return reader.float(layout.bytes);
    case 'text':
      return reader.bytes().toString();
    case 'bytes':
      return reader.bytes();
  }
}

class RowReader {
  readonly #bytes: Buffer;
  #offset = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#offset >= this.#bytes.length;
  }

  integer(bytes: number, signed: boolean): bigint {
    let value = 0n;
    for (const byte of this.#take(bytes).toReversed()) value = (value << 8n) | BigInt(byte);
    return signed ? BigInt.asIntN(bytes * 8, value) : value;
  }

  float(bytes: number): number {
    const taken = this.#take(bytes);
    return bytes === 4 ? taken.readFloatLE() : taken.readDoubleLE();
  }

  bytes(): Buffer {
    let length = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = Number(this.integer(1, false));
      length += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return Buffer.from(this.#take(length));
    }
  }

  #take(length: number): Buffer {
    const end = this.#offset + length;
    if (end > this.#bytes.length) throw new RangeError('row bytes end in the middle of a value');
    const taken = this.#bytes.subarray(this.#offset, end);
    this.#offset = end;
    return taken;
  }
}
