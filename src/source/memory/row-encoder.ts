import type { Version } from '../../change/position.ts';
import {
  type Column,
  type ColumnType,
  type TableSchema,
  valueBytes,
} from '../../change/table-schema.ts';
import { CdcError } from '../../errors.ts';
import { ByteWriter } from '../../lib/byte-writer.ts';

/**
 * A value of a row that a program gives: numbers of every kind as number, bigint or text; dates and
 * times already as the number the column type stores (days or ticks), or as text where the type is
 * text; binary and geometry as Buffer.
 */
export type MemoryValue = number | bigint | string | Buffer | null;
export type MemoryRow = Readonly<Record<string, MemoryValue>>;

/** What becomes of a row, as `_deleted` says it. */
export const rowFlag = { kept: 0, deleted: 1, before: 2 } as const;
export type RowFlag = (typeof rowFlag)[keyof typeof rowFlag];

/** One row as row bytes; see change/table-schema.ts. */
export function encodeRow(
  schema: TableSchema,
  row: MemoryRow,
  version: Version,
  flag: RowFlag,
): Buffer {
  const writer = new ByteWriter(1024);
  for (const column of schema.columns)
    writeColumn(writer, schema, column, row[column.name] ?? null);
  writer.reserve(9);
  writeInteger(writer, version, 8);
  writer.buffer[writer.offset++] = flag;
  return writer.take();
}

function writeColumn(
  writer: ByteWriter,
  schema: TableSchema,
  column: Column,
  value: MemoryValue,
): void {
  writer.reserve(64 + (Buffer.isBuffer(value) ? value.length : 3 * String(value).length));
  if (column.nullable) writer.buffer[writer.offset++] = value === null ? 1 : 0;
  if (value !== null) {
    writeValue(writer, column.type, value);
  } else if (!column.nullable) {
    const { table } = schema;
    throw new CdcError(
      'CDC_VALUE_UNREPRESENTABLE',
      `column ${column.name} of ${table} is not nullable`,
      {
        details: { table, column: column.name },
      },
    );
  }
}

function writeValue(writer: ByteWriter, type: ColumnType, value: Exclude<MemoryValue, null>): void {
  const size = valueBytes(type) ?? 0;
  if (type.kind === 'float') {
    if (type.bits === 32) writer.view.setFloat32(writer.offset, Number(value), true);
    else writer.view.setFloat64(writer.offset, Number(value), true);
    writer.offset += type.bits / 8;
  } else if (size === 0) {
    writeBytes(writer, value);
  } else {
    const text = String(value);
    writeInteger(writer, type.kind === 'decimal' ? unscaled(text, type.scale) : BigInt(text), size);
  }
}

function writeInteger(writer: ByteWriter, value: bigint, bytes: number): void {
  for (let index = 0; index < bytes; index++) {
    writer.buffer[writer.offset++] = Number((value >> BigInt(index * 8)) & 0xffn);
  }
}

function writeBytes(writer: ByteWriter, value: Exclude<MemoryValue, null>): void {
  const bytes = Buffer.isBuffer(value) ? value : Buffer.from(String(value));
  writer.writeVarUint(bytes.length);
  bytes.copy(writer.buffer, writer.offset);
  writer.offset += bytes.length;
}

/** `-1.5` at scale 2 -> -150. */
function unscaled(text: string, scale: number): bigint {
  const [whole = '0', fraction = ''] = text.split('.');
  return BigInt(whole + fraction.slice(0, scale).padEnd(scale, '0'));
}
