import type { ByteWriter } from '../../../lib/byte-writer.ts';
import { daysFromCivil } from '../../../lib/civil-date.ts';

/** Called for a text that the type of the column with that index cannot hold; `reason` never shows the value. */
export type Reject = (column: number, reason: string) => never;

const minus = 0x2d;
const dot = 0x2e;
const colon = 0x3a;
const two32 = 4294967296;
/** Days of 1900-01-01 and 2299-12-31, the range of Date32 and DateTime64. */
const firstDay = daysFromCivil(1900, 1, 1);
const lastDay = daysFromCivil(2299, 12, 31);

/**
 * Writes single values of the text protocol as row bytes. Every method takes the text as
 * `length` bytes of `buffer` from `at`, and relies on the room the encoder has reserved.
 */
export class TextValueWriter {
  /** Bytes that the last long length took. */
  lengthBytes = 0;
  readonly #reject: Reject;

  constructor(reject: Reject) {
    this.#reject = reject;
  }

  /** The length behind one of the markers 0xfc, 0xfd and 0xfe. */
  longLength(buffer: Buffer, at: number, marker: number): number {
    this.lengthBytes = marker === 0xfc ? 2 : marker === 0xfd ? 3 : 8;
    if (marker === 0xfe) return Number(buffer.readBigUInt64LE(at));
    return buffer.readUIntLE(at, this.lengthBytes);
  }

  unexpectedNull(column: number): never {
    return this.#reject(column, 'NULL although it is declared NOT NULL');
  }

  int8(writer: ByteWriter, buffer: Buffer, at: number, length: number): void {
    writer.buffer[writer.offset++] = parseInteger(buffer, at, length);
  }

  int16(writer: ByteWriter, buffer: Buffer, at: number, length: number): void {
    const value = parseInteger(buffer, at, length);
    const out = writer.buffer;
    out[writer.offset++] = value;
    out[writer.offset++] = value >> 8;
  }

  int32(writer: ByteWriter, buffer: Buffer, at: number, length: number): void {
    writeInt32(writer, parseInteger(buffer, at, length));
  }

  /** Signed and unsigned alike: the low 64 bits. */
  int64(writer: ByteWriter, buffer: Buffer, at: number, length: number): void {
    if (length <= 15) writeInt64(writer, parseInteger(buffer, at, length));
    else writeBigInt(writer, BigInt(buffer.toString('latin1', at, at + length)), 8);
  }

  float32(writer: ByteWriter, buffer: Buffer, at: number, length: number): void {
    writer.view.setFloat32(writer.offset, Number(buffer.toString('latin1', at, at + length)), true);
    writer.offset += 4;
  }

  float64(writer: ByteWriter, buffer: Buffer, at: number, length: number): void {
    writer.view.setFloat64(writer.offset, Number(buffer.toString('latin1', at, at + length)), true);
    writer.offset += 8;
  }

  // The server prints a decimal with exactly as many digits after the point as its column has, so
  // its value x 10^scale is the number without the point.

  decimal32(writer: ByteWriter, buffer: Buffer, at: number, length: number): void {
    writeInt32(writer, parseInteger(buffer, at, length));
  }

  decimal64(writer: ByteWriter, buffer: Buffer, at: number, length: number): void {
    // 15 digits, a sign and a point stay exact in a number.
    if (length <= 15) writeInt64(writer, parseInteger(buffer, at, length));
    else writeBigInt(writer, parseBigDecimal(buffer, at, length), 8);
  }

  decimal128(writer: ByteWriter, buffer: Buffer, at: number, length: number): void {
    writeBigInt(writer, parseBigDecimal(buffer, at, length), 16);
  }

  decimal256(writer: ByteWriter, buffer: Buffer, at: number, length: number): void {
    writeBigInt(writer, parseBigDecimal(buffer, at, length), 32);
  }

  date(writer: ByteWriter, buffer: Buffer, at: number, _length: number, column: number): void {
    writeInt32(writer, this.#parseDay(buffer, at, column));
  }

  /** `YYYY-MM-DD hh:mm:ss[.f]` as ticks of 1/`scale` seconds. */
  datetime(
    writer: ByteWriter,
    buffer: Buffer,
    at: number,
    length: number,
    scale: number,
    column: number,
  ): void {
    const day = this.#parseDay(buffer, at, column);
    const seconds =
      day * 86400 +
      twoDigits(buffer, at + 11) * 3600 +
      twoDigits(buffer, at + 14) * 60 +
      twoDigits(buffer, at + 17);
    const fraction = length > 20 ? parseInteger(buffer, at + 20, length - 20) : 0;
    writeTicks(writer, seconds, scale, fraction);
  }

  /** `[-]hhh:mm:ss[.f]` as ticks of 1/`scale` seconds. */
  time(writer: ByteWriter, buffer: Buffer, at: number, length: number, scale: number): void {
    const negative = buffer[at] === minus;
    const start = negative ? at + 1 : at;
    let hourDigits = 2;
    while (buffer[start + hourDigits] !== colon) hourDigits++;
    const rest = start + hourDigits;
    const seconds =
      parseInteger(buffer, start, hourDigits) * 3600 +
      twoDigits(buffer, rest + 1) * 60 +
      twoDigits(buffer, rest + 4);
    const fractionAt = rest + 7;
    const fraction =
      at + length > fractionAt ? parseInteger(buffer, fractionAt, at + length - fractionAt) : 0;
    const ticks = seconds * scale + fraction;
    writeInt64(writer, negative ? -ticks : ticks);
  }

  /** Length and bytes as they are: text is UTF-8 already, the connection's character set. */
  bytes(writer: ByteWriter, buffer: Buffer, at: number, length: number): void {
    writer.writeVarUint(length);
    const out = writer.buffer;
    const to = writer.offset;
    // Up to here a loop is cheaper than the call into native code.
    if (length < 64)
      for (let index = 0; index < length; index++) out[to + index] = buffer[at + index] ?? 0;
    else buffer.copy(out, to, at, at + length);
    writer.offset = to + length;
  }

  #parseDay(buffer: Buffer, at: number, column: number): number {
    const year = twoDigits(buffer, at) * 100 + twoDigits(buffer, at + 2);
    const month = twoDigits(buffer, at + 5);
    const day = twoDigits(buffer, at + 8);
    if (month === 0 || day === 0) this.#reject(column, 'a zero date');
    const days = daysFromCivil(year, month, day);
    if (days < firstDay || days > lastDay) {
      this.#reject(column, 'a date outside 1900-01-01 to 2299-12-31');
    }
    return days;
  }
}

/** Digits with an optional sign; a point between them is skipped. Exact up to 15 digits. */
function parseInteger(buffer: Buffer, at: number, length: number): number {
  const negative = buffer[at] === minus;
  const end = at + length;
  let value = 0;
  for (let index = negative ? at + 1 : at; index < end; index++) {
    const byte = buffer[index] ?? 0;
    if (byte !== dot) value = value * 10 + byte - 0x30;
  }
  return negative ? -value : value;
}

function parseBigDecimal(buffer: Buffer, at: number, length: number): bigint {
  return BigInt(buffer.toString('latin1', at, at + length).replace('.', ''));
}

function twoDigits(buffer: Buffer, at: number): number {
  return ((buffer[at] ?? 0) - 0x30) * 10 + (buffer[at + 1] ?? 0) - 0x30;
}

function writeTicks(writer: ByteWriter, seconds: number, scale: number, fraction: number): void {
  const ticks = seconds * scale + fraction;
  if (Number.isSafeInteger(ticks)) writeInt64(writer, ticks);
  else writeBigInt(writer, BigInt(seconds) * BigInt(scale) + BigInt(fraction), 8);
}

function writeInt32(writer: ByteWriter, value: number): void {
  const out = writer.buffer;
  out[writer.offset++] = value;
  out[writer.offset++] = value >> 8;
  out[writer.offset++] = value >> 16;
  out[writer.offset++] = value >> 24;
}

/** A safe integer as 64 bits, two's complement. */
function writeInt64(writer: ByteWriter, value: number): void {
  const high = Math.floor(value / two32);
  writeInt32(writer, value - high * two32);
  writeInt32(writer, high);
}

function writeBigInt(writer: ByteWriter, value: bigint, bytes: number): void {
  for (let index = 0; index < bytes; index += 8) {
    writer.view.setBigUint64(writer.offset, BigInt.asUintN(64, value >> BigInt(index * 8)), true);
    writer.offset += 8;
  }
}
