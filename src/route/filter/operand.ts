import { type ColumnType, type TableSchema, valueBytes } from '../../change/table-schema.ts';
import { nearestName } from '../../lib/nearest-name.ts';
import { type RowView, readSpan, type Span } from '../row-layout.ts';
import { readInteger } from '../value-text.ts';
import { FilterSyntaxError } from './filter-error.ts';
import type { ColumnName, Literal } from './parse-filter.ts';
import { parseDuration, parseMoment } from './temporal-literal.ts';

/** What values are compared as. Moments and durations are microseconds, text is bytes. */
export type OperandType = 'number' | 'moment' | 'duration' | 'text' | 'bytes';

export type OperandValue = number | bigint | Buffer;
/** The value in a row; null for NULL. */
export type ReadValue = (row: RowView) => OperandValue | null;

export interface CompiledOperand {
  readonly type: OperandType;
  /** Of numbers: digits after the point that the values have, `float` for those without a fixed number. */
  readonly scale: number | 'float';
  /** Numbers are multiplied by 10^scale, so that those of one scale compare as they are. */
  readonly reader: (scale: number | 'float') => ReadValue;
}

export interface ColumnOperand extends CompiledOperand {
  readonly isNull: (row: RowView) => boolean;
}

/** Throws FilterSyntaxError when the table has no such column. */
export function columnOperand(column: ColumnName, schema: TableSchema): ColumnOperand {
  const { index, type, nullable } = find(column, schema);
  const isNull = (row: RowView) => nullable && row.bytes[row.starts[index] ?? 0] === 1;
  const operandType = typeOf(type);
  const scale = type.kind === 'float' ? 'float' : type.kind === 'decimal' ? type.scale : 0;
  const skip = nullable ? 1 : 0;
  return {
    type: operandType,
    scale,
    isNull,
    reader: (wanted) => {
      const decode = decoder(type, operandType, scale, wanted);
      return (row) => (isNull(row) ? null : decode(row.bytes, (row.starts[index] ?? 0) + skip));
    },
  };
}

export function typeOfColumn(column: ColumnName, schema: TableSchema): OperandType {
  return typeOf(find(column, schema).type);
}

/** A literal, read as what stands on the other side. */
export function literalOperand(
  literal: Literal,
  opposite: OperandType | undefined,
): CompiledOperand {
  const { kind, text, at } = literal;
  if (kind === 'number') {
    const { unscaled, scale } = parseNumber(text);
    return {
      type: 'number',
      scale,
      reader: (wanted) => {
        const value = wanted === 'float' ? Number(text) : plain(unscaled * power(wanted - scale));
        return () => value;
      },
    };
  }
  if (opposite === 'moment' || opposite === 'duration') {
    const value = opposite === 'moment' ? parseMoment(text) : parseDuration(text);
    if (value === undefined) {
      const form = opposite === 'moment' ? '2026-01-31 or 2026-01-31 10:00:00' : '10:00:00';
      throw new FilterSyntaxError(at, `'${text}' is not of the form ${form}`);
    }
    return { type: opposite, scale: 0, reader: () => () => value };
  }
  const bytes = Buffer.from(text);
  return { type: 'text', scale: 0, reader: () => () => bytes };
}

function find(column: ColumnName, { table, columns }: TableSchema) {
  const index = columns.findIndex(({ name }) => name === column.name);
  const found = columns[index];
  if (found !== undefined) return { index, type: found.type, nullable: found.nullable };
  const nearest = nearestName(
    column.name,
    columns.map(({ name }) => name),
  );
  const hint = nearest === undefined ? '' : `; did you mean ${nearest}?`;
  throw new FilterSyntaxError(column.at, `${table} has no column ${column.name}${hint}`);
}

function typeOf(type: ColumnType): OperandType {
  if ('text' in type && type.text) return 'text';
  switch (type.kind) {
    case 'date':
    case 'datetime':
    case 'timestamp':
      return 'moment';
    case 'time':
      return 'duration';
    case 'string':
    case 'json':
      return 'text';
    case 'binary':
    case 'geometry':
      return 'bytes';
    default:
      return 'number';
  }
}

type Decode = (bytes: Buffer, offset: number) => OperandValue;

function decoder(
  type: ColumnType,
  operandType: OperandType,
  scale: number | 'float',
  wanted: number | 'float',
): Decode {
  const width = valueBytes(type);
  if (width === undefined) {
    const span: Span = { start: 0, end: 0 };
    return (bytes, offset) => {
      readSpan(bytes, offset, span);
      return bytes.subarray(span.start, span.end);
    };
  }
  if (type.kind === 'float') {
    return (bytes, offset) =>
      width === 4 ? bytes.readFloatLE(offset) : bytes.readDoubleLE(offset);
  }
  if (operandType === 'moment' || operandType === 'duration') {
    const fsp = 'fsp' in type ? type.fsp : 0;
    const factor = type.kind === 'date' ? 86_400_000_000n : power(6 - fsp);
    return (bytes, offset) => readInteger(type, bytes, offset) * factor;
  }
  const own = scale === 'float' ? 0 : scale;
  if (wanted === 'float') {
    return (bytes, offset) => Number(readInteger(type, bytes, offset)) / 10 ** own;
  }
  if (wanted === 0 && width <= 4) {
    const isUnsigned = type.kind === 'year' || (type.kind === 'int' && type.unsigned);
    return (bytes, offset) =>
      isUnsigned ? bytes.readUIntLE(offset, width) : bytes.readIntLE(offset, width);
  }
  const factor = power(wanted - own);
  return (bytes, offset) => readInteger(type, bytes, offset) * factor;
}

/** `-1.5e3` -> -1500 at scale 0; `12.50` -> 1250 at scale 2. */
export function parseNumber(text: string): { unscaled: bigint; scale: number } {
  const [mantissa = '', exponent = '0'] = text.toLowerCase().split('e');
  const [whole = '', fraction = ''] = mantissa.replace('+', '').split('.');
  const scale = fraction.length - Number(exponent);
  const unscaled = BigInt(`${whole === '' || whole === '-' ? `${whole}0` : whole}${fraction}`);
  return scale >= 0 ? { unscaled, scale } : { unscaled: unscaled * power(-scale), scale: 0 };
}

/** A number where it is exact, which compares faster. */
function plain(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

function power(exponent: number): bigint {
  return 10n ** BigInt(exponent);
}
