import type { ByteWriter } from '../../../lib/byte-writer.ts';
import { renderDecimal } from './decimal.ts';
import { renderDate, renderDatetime, renderTime } from './temporal-text.ts';

/**
 * MySQL's binary JSON (sql-common/json_binary.h) as the text `SELECT json_column` prints.
 *
 *   value    ::= type(1) body
 *   object   ::= count size key-entry* value-entry* key* value*
 *   array    ::= count size value-entry* value*
 *   key-entry   ::= offset key-length(2)
 *   value-entry ::= type(1) offset-or-inlined-value
 *
 * count, size and offsets take 2 bytes in small and 4 in large objects and arrays; offsets count
 * from the byte after the type of the containing object or array.
 */
export function writeJsonText(writer: ByteWriter, bytes: Buffer): void {
  if (bytes.length === 0) writeLiteral(writer, 'null');
  else writeValue({ writer, bytes }, bytes[0] ?? 0, 1);
}

interface Target {
  readonly writer: ByteWriter;
  readonly bytes: Buffer;
}

const jsonType = {
  smallObject: 0,
  largeObject: 1,
  smallArray: 2,
  largeArray: 3,
  literal: 4,
  int16: 5,
  uint16: 6,
  int32: 7,
  uint32: 8,
  int64: 9,
  uint64: 10,
  double: 11,
  string: 12,
  opaque: 15,
} as const;

const literals = ['null', 'true', 'false'];

/** The value of `type` whose body is at `at`. */
function writeValue(target: Target, type: number, at: number): void {
  const { writer, bytes } = target;
  switch (type) {
    case jsonType.smallObject:
    case jsonType.largeObject:
      writeObject(target, at, type === jsonType.largeObject);
      break;
    case jsonType.smallArray:
    case jsonType.largeArray:
      writeArray(target, at, type === jsonType.largeArray);
      break;
    case jsonType.string: {
      const { length, next } = readLength(bytes, at);
      writeString(writer, bytes, next, next + length);
      break;
    }
    case jsonType.opaque:
      writeLiteral(writer, renderOpaque(bytes, at));
      break;
    default:
      writeLiteral(writer, renderScalar(bytes, type, at));
  }
}

function renderScalar(bytes: Buffer, type: number, at: number): string {
  switch (type) {
    case jsonType.literal:
      return literals[bytes.readUInt8(at)] ?? badType(type);
    case jsonType.int16:
      return String(bytes.readInt16LE(at));
    case jsonType.uint16:
      return String(bytes.readUInt16LE(at));
    case jsonType.int32:
      return String(bytes.readInt32LE(at));
    case jsonType.uint32:
      return String(bytes.readUInt32LE(at));
    case jsonType.int64:
      return String(bytes.readBigInt64LE(at));
    case jsonType.uint64:
      return String(bytes.readBigUInt64LE(at));
    case jsonType.double:
      return renderDouble(bytes.readDoubleLE(at));
    default:
      return badType(type);
  }
}

function writeObject(target: Target, start: number, large: boolean): void {
  const { writer, bytes } = target;
  const width = large ? 4 : 2;
  const count = bytes.readUIntLE(start, width);
  const keys = start + 2 * width;
  const values = keys + count * (width + 2);
  writeLiteral(writer, '{');
  for (let index = 0; index < count; index++) {
    if (index > 0) writeLiteral(writer, ', ');
    const entry = keys + index * (width + 2);
    const key = start + bytes.readUIntLE(entry, width);
    writeString(writer, bytes, key, key + bytes.readUInt16LE(entry + width));
    writeLiteral(writer, ': ');
    writeEntry(target, start, values + index * (width + 1), large);
  }
  writeLiteral(writer, '}');
}

function writeArray(target: Target, start: number, large: boolean): void {
  const { writer, bytes } = target;
  const width = large ? 4 : 2;
  const count = bytes.readUIntLE(start, width);
  const values = start + 2 * width;
  writeLiteral(writer, '[');
  for (let index = 0; index < count; index++) {
    if (index > 0) writeLiteral(writer, ', ');
    writeEntry(target, start, values + index * (width + 1), large);
  }
  writeLiteral(writer, ']');
}

/** Literals and 16-bit integers stand in the entry itself; in large containers 32-bit integers too. */
function writeEntry(target: Target, start: number, entry: number, large: boolean): void {
  const type = target.bytes.readUInt8(entry);
  const isInlined =
    type === jsonType.literal ||
    type === jsonType.int16 ||
    type === jsonType.uint16 ||
    (large && (type === jsonType.int32 || type === jsonType.uint32));
  const at = isInlined ? entry + 1 : start + target.bytes.readUIntLE(entry + 1, large ? 4 : 2);
  writeValue(target, type, at);
}

/** 7 bits a byte, lowest first; the highest bit says that another byte follows. */
function readLength(bytes: Buffer, at: number): { length: number; next: number } {
  let length = 0;
  let next = at;
  for (let factor = 1; ; factor *= 128) {
    const byte = bytes.readUInt8(next++);
    length += (byte & 0x7f) * factor;
    if (byte < 0x80) return { length, next };
  }
}

/** Column types that JSON keeps as they are (field_types.h). */
const opaqueType = { timestamp: 7, date: 10, time: 11, datetime: 12, newDecimal: 246 } as const;

function renderOpaque(bytes: Buffer, at: number): string {
  const type = bytes.readUInt8(at);
  const { length, next } = readLength(bytes, at + 1);
  const value = bytes.subarray(next, next + length);
  switch (type) {
    case opaqueType.newDecimal: {
      const [precision = 0, scale = 0] = value;
      return renderDecimal(value, 2, precision, scale);
    }
    case opaqueType.date:
    case opaqueType.datetime:
    case opaqueType.timestamp:
    case opaqueType.time:
      return `"${renderTemporal(type, value.readBigInt64LE(0))}"`;
    default: {
      // The server's own base64 breaks lines after 76 characters, which JSON text shows as \\n.
      const lines = value.toString('base64').match(/.{1,76}/g) ?? [];
      return `"base64:type${type}:${lines.join('\\n')}"`;
    }
  }
}

/** The packed form of times (my_time.cc, TIME_from_longlong_*_packed): parts above 24 bits of microseconds. */
function renderTemporal(type: number, packed: bigint): string {
  const negative = packed < 0n;
  const magnitude = negative ? -packed : packed;
  const micros = Number(magnitude & 0xffffffn);
  const parts = Number(magnitude >> 24n);
  const clock = {
    negative,
    hour: Math.floor(parts / 4096),
    minute: Math.floor(parts / 64) % 64,
    second: parts % 64,
  };
  if (type === opaqueType.time) {
    return renderTime({ ...clock, hour: clock.hour % 1024 }, micros, 6);
  }
  const days = Math.floor(parts / 2 ** 17);
  const yearMonth = Math.floor(days / 32);
  const date = { year: Math.floor(yearMonth / 13), month: yearMonth % 13, day: days % 32 };
  if (type === opaqueType.date) return renderDate(date);
  return renderDatetime(date, { ...clock, hour: clock.hour % 32 }, micros, 6);
}

/**
 * The shortest digits that give the double back, laid out as my_gcvt does: plain up to 15
 * digits before the point (16 when a fraction follows) and 14 zeros behind it, else with an exponent; and `.0` behind what would read as an integer.
 */
export function renderDouble(value: number): string {
  const sign = value < 0 || Object.is(value, -0) ? '-' : '';
  if (value === 0) return `${sign}0.0`;
  const [mantissa = '', exponentText = '0'] = Math.abs(value).toExponential().split('e');
  const digits = mantissa.replace('.', '');
  const point = Number(exponentText) + 1;
  if (point < -14 || (point > 15 && digits.length <= point)) {
    const fraction = digits.length > 1 ? `.${digits.slice(1)}` : '';
    return `${sign}${digits[0]}${fraction}e${point - 1}`;
  }
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`;
  if (digits.length <= point) return `${sign}${digits}${'0'.repeat(point - digits.length)}.0`;
  return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
}

function writeLiteral(writer: ByteWriter, text: string): void {
  writer.reserve(text.length);
  writer.offset += writer.buffer.write(text, writer.offset, 'latin1');
}

const quote = 0x22;
const backslash = 0x5c;
const shortEscapes: Readonly<Record<number, string>> = {
  8: '\\b',
  9: '\\t',
  10: '\\n',
  12: '\\f',
  13: '\\r',
  34: '\\"',
  92: '\\\\',
};

function writeString(writer: ByteWriter, bytes: Buffer, start: number, end: number): void {
  writer.reserve((end - start) * 6 + 2);
  const out = writer.buffer;
  let to = writer.offset;
  out[to++] = quote;
  for (let at = start; at < end; at++) {
    const byte = bytes[at] ?? 0;
    if (byte >= 0x20 && byte !== quote && byte !== backslash) {
      out[to++] = byte;
      continue;
    }
    const escaped = shortEscapes[byte] ?? `\\u${byte.toString(16).padStart(4, '0')}`;
    to += out.write(escaped, to, 'latin1');
  }
  out[to++] = quote;
  writer.offset = to;
}

function badType(type: number): never {
  throw new RangeError(`no JSON value has the type ${type}`);
}
