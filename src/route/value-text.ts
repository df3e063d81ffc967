import { type ColumnType, valueBytes } from '../change/table-schema.ts';
import { readSpan } from './row-layout.ts';

/**
 * Values in row bytes as the server prints them:
 *
 * | kind                | text                                                     |
 * | int, bit, year      | digits                                                   |
 * | decimal             | all digits of its scale: 12.50                           |
 * | date                | 2026-01-31                                               |
 * | datetime, timestamp | 2026-01-31 10:00:00.500 with the digits of its precision |
 * | time                | -101:00:00.5                                             |
 * | string, json, binary | the bytes themselves                                    |
 *
 * Floats have no text that every program prints the same, and geometry none that is short: both have
 * no text here.
 */
export function hasText(type: ColumnType): boolean {
  return type.kind !== 'float' && type.kind !== 'geometry';
}

/** The text of the value at `offset` (after the NULL byte), as bytes; a view where they lie there already. */
export function textBytes(type: ColumnType, bytes: Buffer, offset: number): Buffer {
  if (valueBytes(type) === undefined) {
    const { start, end } = readSpan(bytes, offset, { start: 0, end: 0 });
    return bytes.subarray(start, end);
  }
  return Buffer.from(numberText(type, bytes, offset));
}

/** A value that is stored as an integer. */
export function readInteger(type: ColumnType, bytes: Buffer, offset: number): bigint {
  const width = valueBytes(type) ?? 0;
  const isUnsigned =
    type.kind === 'year' || type.kind === 'bit' || (type.kind === 'int' && type.unsigned);
  if (width <= 4) {
    return BigInt(isUnsigned ? bytes.readUIntLE(offset, width) : bytes.readIntLE(offset, width));
  }
  let value = 0n;
  for (let at = offset + width - 8; at >= offset; at -= 8) {
    value = (value << 64n) | bytes.readBigUInt64LE(at);
  }
  return isUnsigned ? value : BigInt.asIntN(width * 8, value);
}

function numberText(type: ColumnType, bytes: Buffer, offset: number): string {
  const value = readInteger(type, bytes, offset);
  switch (type.kind) {
    case 'decimal':
      return withFraction(value, type.scale);
    case 'date':
      return dateText(Number(value));
    case 'datetime':
    case 'timestamp': {
      const perDay = 86_400n * 10n ** BigInt(type.fsp);
      const days = floorDivide(value, perDay);
      return `${dateText(Number(days))} ${clockText(value - days * perDay, type.fsp)}`;
    }
    case 'time':
      return `${value < 0n ? '-' : ''}${clockText(value < 0n ? -value : value, type.fsp)}`;
    default:
      return value.toString();
  }
}

/** 1250 at scale 2 -> 12.50 */
function withFraction(value: bigint, scale: number): string {
  const digits = (value < 0n ? -value : value).toString().padStart(scale + 1, '0');
  const sign = value < 0n ? '-' : '';
  if (scale === 0) return sign + digits;
  return `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

function clockText(ticks: bigint, fsp: number): string {
  const perSecond = 10n ** BigInt(fsp);
  const seconds = Number(ticks / perSecond);
  const fraction = fsp === 0 ? '' : `.${(ticks % perSecond).toString().padStart(fsp, '0')}`;
  const hours = Math.floor(seconds / 3600);
  return `${two(hours)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}${fraction}`;
}

function dateText(days: number): string {
  return new Date(days * 86_400_000).toISOString().replace(/T.*/, '');
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}

function floorDivide(value: bigint, divisor: bigint): bigint {
  const quotient = value / divisor;
  return value % divisor < 0n ? quotient - 1n : quotient;
}
