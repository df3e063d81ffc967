import { inflateRawSync, inflateSync } from 'node:zlib';
import { ByteWriter } from '../../../lib/byte-writer.ts';
import { type DigitGroup, readDecimal } from './decimal.ts';
import { writeJsonText } from './json-text.ts';
import { type ClockParts, renderDate, renderDatetime, renderTime } from './temporal-text.ts';

/** Called for a value that the column with that index cannot hold. */
export type Reject = (column: number, reason: string) => never;

/**
 * The values that generated code does not write in line: long, rare or intricate ones. Every method
 * finds its value at `at` in `bytes`, and leaves `room` bytes reserved behind what it wrote, so that
 * the generated code may go on writing the rest of the row without asking.
 */
export class ValueWriter {
  readonly reject: Reject;
  readonly #room: number;
  readonly #scratch = new ByteWriter(4096);

  constructor(room: number, reject: Reject) {
    this.#room = room;
    this.reject = reject;
  }

  /** Length and bytes as they are. */
  bytes(writer: ByteWriter, bytes: Buffer, at: number, length: number): void {
    writer.reserve(length + 5 + this.#room);
    writer.writeVarUint(length);
    bytes.copy(writer.buffer, writer.offset, at, at + length);
    writer.offset += length;
  }

  /** binary(n): the server cuts zeros off the end. */
  padded(writer: ByteWriter, bytes: Buffer, at: number, length: number, width: number): void {
    writer.reserve(width + 5 + this.#room);
    writer.writeVarUint(width);
    bytes.copy(writer.buffer, writer.offset, at, at + length);
    writer.buffer.fill(0, writer.offset + length, writer.offset + width);
    writer.offset += width;
  }

  /** Text of a character set with one byte a character; see TextDecoding. */
  singleByte(
    writer: ByteWriter,
    bytes: Buffer,
    at: number,
    length: number,
    utf8: Uint32Array,
  ): void {
    let size = 0;
    for (let index = at; index < at + length; index++)
      size += (utf8[bytes[index] ?? 0] ?? 0) >>> 24;
    writer.reserve(size + 5 + this.#room);
    writer.writeVarUint(size);
    const out = writer.buffer;
    let to = writer.offset;
    for (let index = at; index < at + length; index++) {
      const packed = utf8[bytes[index] ?? 0] ?? 0;
      out[to++] = packed;
      if (packed < 0x2000000) continue;
      out[to++] = packed >> 8;
      if (packed >= 0x3000000) out[to++] = packed >> 16;
    }
    writer.offset = to;
  }

  multiByte(
    writer: ByteWriter,
    bytes: Buffer,
    at: number,
    length: number,
    decode: (bytes: Buffer) => string,
    column: number,
  ): void {
    this.text(writer, this.#decoded(bytes.subarray(at, at + length), decode, column));
  }

  text(writer: ByteWriter, text: string): void {
    const size = Buffer.byteLength(text);
    writer.reserve(size + 5 + this.#room);
    writer.writeVarUint(size);
    writer.offset += writer.buffer.write(text, writer.offset);
  }

  json(writer: ByteWriter, bytes: Buffer, at: number, length: number, column: number): void {
    const scratch = this.#scratch;
    scratch.offset = 0;
    try {
      writeJsonText(scratch, bytes.subarray(at, at + length));
    } catch (error) {
      if (error instanceof RangeError) this.reject(column, `bad binary JSON (${error.message})`);
      throw error;
    }
    this.bytes(writer, scratch.buffer, 0, scratch.offset);
  }

  /** Text in the server's form made from `width` bytes of which the server cut off zeros at the end. */
  rendered(
    writer: ByteWriter,
    bytes: Buffer,
    at: number,
    length: number,
    width: number,
    render: (bytes: Buffer) => string,
  ): void {
    const value = Buffer.alloc(width);
    bytes.copy(value, 0, at, at + length);
    this.text(writer, render(value));
  }

  /** A decimal that does not fit a double exactly, as `size` bytes. */
  decimal(
    writer: ByteWriter,
    bytes: Buffer,
    at: number,
    groups: readonly DigitGroup[],
    size: number,
  ): void {
    writeBigInt(writer, readDecimal(bytes, at, groups), size);
  }

  /** Ticks beyond the integers a double holds exactly. */
  ticks(writer: ByteWriter, seconds: number, perSecond: number, fraction: number): void {
    writeBigInt(writer, BigInt(seconds) * BigInt(perSecond) + BigInt(fraction), 8);
  }

  /** Members of a set by the bits of `low` and `high` (32 each), joined by commas. */
  set(
    writer: ByteWriter,
    members: readonly string[],
    known: Map<string, string>,
    low: number,
    high: number,
  ): void {
    const key = `${high}:${low}`;
    let text = known.get(key);
    if (text === undefined) {
      text = members.filter((_, index) => bitOf(low, high, index)).join(',');
      if (known.size >= maxKnownSets) known.clear();
      known.set(key, text);
    }
    this.text(writer, text);
  }

  dateText(writer: ByteWriter, bytes: Buffer, at: number): void {
    const packed = bytes.readUIntLE(at, 3);
    this.text(
      writer,
      renderDate({ year: packed >> 9, month: (packed >> 5) & 15, day: packed & 31 }),
    );
  }

  /** DATETIME2 at `at`; `fraction` in units of 10^-fsp. */
  datetimeText(writer: ByteWriter, bytes: Buffer, at: number, fraction: number, fsp: number): void {
    const upper = bytes.readUIntBE(at, 3) & 0x7fffff;
    const yearMonth = upper >> 6;
    const date = {
      year: Math.floor(yearMonth / 13),
      month: yearMonth % 13,
      day: (upper >> 1) & 31,
    };
    this.text(writer, renderDatetime(date, clockOf(bytes.readUIntBE(at + 2, 3)), fraction, fsp));
  }

  timestampText(writer: ByteWriter, seconds: number, fraction: number, fsp: number): void {
    const tail = fsp > 0 ? `.${String(fraction).padStart(fsp, '0')}` : '';
    const whole =
      seconds === 0 && fraction === 0
        ? '0000-00-00 00:00:00'
        : new Date(seconds * 1000).toISOString().slice(0, 19).replace('T', ' ');
    this.text(writer, whole + tail);
  }

  timeText(writer: ByteWriter, ticks: number, perSecond: number, fsp: number): void {
    const magnitude = Math.abs(ticks);
    const seconds = Math.floor(magnitude / perSecond);
    const clock = {
      negative: ticks < 0,
      hour: Math.floor(seconds / 3600),
      minute: Math.floor(seconds / 60) % 60,
      second: seconds % 60,
    };
    this.text(writer, renderTime(clock, magnitude % perSecond, fsp));
  }

  /**
   * The value of a MariaDB column declared COMPRESSED (sql/field_comp.cc): empty for an empty value, else
   * method(4 bits, 0 stored, 8 zlib) raw-deflate(1 bit) bytes-of-length(3 bits), length, data.
   */
  inflated(bytes: Buffer, at: number, length: number, column: number): Buffer {
    if (length === 0) return bytes.subarray(at, at);
    const head = bytes[at] ?? 0;
    if (head >> 4 === 0) return bytes.subarray(at + 1, at + length);
    if (head >> 4 !== 8) this.reject(column, `unknown compression method ${head >> 4}`);
    const data = bytes.subarray(at + 1 + (head & 7), at + length);
    return (head & 8) === 0 ? inflateSync(data) : inflateRawSync(data);
  }

  #decoded(bytes: Buffer, decode: (bytes: Buffer) => string, column: number): string {
    try {
      return decode(bytes);
    } catch (error) {
      if (error instanceof RangeError) this.reject(column, `not text: ${error.message}`);
      throw error;
    }
  }
}

const maxKnownSets = 4096;

function bitOf(low: number, high: number, index: number): boolean {
  return ((index < 32 ? low >>> index : high >>> (index - 32)) & 1) === 1;
}

/** hour(5) minute(6) second(6) in the lowest 17 bits. */
function clockOf(packed: number): ClockParts {
  return {
    negative: false,
    hour: (packed >> 12) & 31,
    minute: (packed >> 6) & 63,
    second: packed & 63,
  };
}

function writeBigInt(writer: ByteWriter, value: bigint, size: number): void {
  for (let index = 0; index < size; index += 8) {
    writer.view.setBigUint64(writer.offset, BigInt.asUintN(64, value >> BigInt(index * 8)), true);
    writer.offset += 8;
  }
}
