import type { Column } from '../../../change/table-schema.ts';
import { decodeText, type TextDecoding, textDecodingOf } from './charset.ts';
import { type DigitGroup, decimalBytes, decimalGroups } from './decimal.ts';
import { binaryCollation, wireType } from './event-format.ts';
import { monthLengths, monthStarts } from './month-table.ts';
import { renderInet4, renderInet6, renderUuid } from './network-text.ts';
import type { WireColumn } from './table-map.ts';

/**
 * Source text for one column of a generated decoder. In it are only numbers and the names below;
 * whatever comes from a database travels in `constants`.
 *
 *   b, p   row image and the place in it
 *   o, q   output buffer and the place in it;  d  its DataView
 *   w      the ByteWriter behind them;  V  the ValueWriter;  C  the constants
 *   n e v x m f y  scratch
 */
export interface ColumnCode {
  /** Writes the value at `p` and moves `p` behind it. */
  readonly read: string;
  /** Moves `p` behind the value. */
  readonly skip: string;
  /** Bytes `read` may write without reserving. */
  readonly room: number;
}

/** Values that generated code refers to as `C[n]`. */
export class Constants {
  readonly values: unknown[] = [];

  /** The expression for a value. */
  add(value: unknown): string {
    return `C[${this.values.push(value) - 1}]`;
  }
}

/** Text up to this many bytes is copied in line; its length fits one byte. */
const shortText = 127;

/** The code for a column, undefined when its type cannot be decoded for certain. */
export function emitColumn(
  wire: WireColumn,
  column: Column,
  index: number,
  constants: Constants,
): ColumnCode | undefined {
  const { type } = column;
  switch (type.kind) {
    case 'int':
      return integer(wire, type.unsigned);
    case 'float':
      return fixed(type.bits / 8, copy(type.bits / 8), type.bits / 8);
    case 'decimal':
      return decimal(type.precision, type.scale, constants);
    case 'date':
      return type.text ? textual('V.dateText(w, b, p);', 3) : date(index, constants);
    case 'datetime':
      return datetime(type.fsp, type.text === true, index, constants);
    case 'timestamp':
      return timestamp(type.fsp, type.text === true, index);
    case 'time':
      return time(type.fsp, type.text === true);
    case 'year':
      return fixed(1, 'v = b[p]; if (v) v += 1900; o[q++] = v; o[q++] = v >> 8;', 2);
    case 'bit':
      return bit(wire.size);
    case 'string':
      return string(wire, column, index, constants);
    case 'json':
      return sized(wire.size, call(`V.json(w, b, p, n, ${index});`), 0);
    case 'binary':
    case 'geometry':
      return binary(wire, index);
  }
}

/** Moves `p` behind a value of a column that is not part of the schema. */
export function emitSkip(wire: WireColumn): string | undefined {
  switch (wire.type) {
    case wireType.tiny:
    case wireType.year:
      return 'p += 1;';
    case wireType.short:
      return 'p += 2;';
    case wireType.long:
    case wireType.float:
      return 'p += 4;';
    case wireType.longlong:
    case wireType.double:
      return 'p += 8;';
    case wireType.timestamp2:
      return `p += ${4 + fractionBytes(wire.size)};`;
    default:
      return undefined;
  }
}

function fixed(size: number, read: string, room: number): ColumnCode {
  return { read: `${read} p += ${size};`, skip: `p += ${size};`, room };
}

/** A value of `lengthBytes` bytes of length `n` and then the value; `read` finds it at `p`. */
function sized(lengthBytes: number, read: string, room: number): ColumnCode {
  const length = Array.from({ length: lengthBytes }, (_, index) =>
    index === 0 ? 'b[p]' : `b[p + ${index}] * ${256 ** index}`,
  ).join(' + ');
  return {
    read: `n = ${length}; p += ${lengthBytes}; ${read} p += n;`,
    skip: `p += ${lengthBytes} + ${length};`,
    room,
  };
}

/** A call that writes through `w` and may replace its buffer. */
function call(code: string): string {
  return `w.offset = q; ${code} o = w.buffer; d = w.view; q = w.offset;`;
}

function textual(code: string, size: number): ColumnCode {
  return fixed(size, call(code), 0);
}

function copy(size: number): string {
  const moves = Array.from({ length: size }, (_, index) => `o[q + ${index}] = b[p + ${index}];`);
  return `${moves.join(' ')} q += ${size};`;
}

const integerBytes: Readonly<Record<number, number>> = {
  [wireType.tiny]: 1,
  [wireType.short]: 2,
  [wireType.int24]: 3,
  [wireType.long]: 4,
  [wireType.longlong]: 8,
};

function integer(wire: WireColumn, unsigned: boolean): ColumnCode | undefined {
  const size = integerBytes[wire.type];
  if (size === undefined) return undefined;
  if (size !== 3) return fixed(size, copy(size), size);
  const top = unsigned ? '0' : '(b[p + 2] & 128 ? 255 : 0)';
  return fixed(3, `${copy(3)} o[q++] = ${top};`, 4);
}

/** Up to 15 digits are exact in a double; more go through BigInt. */
function decimal(precision: number, scale: number, constants: Constants): ColumnCode {
  const groups = decimalGroups(precision, scale);
  const size = precision <= 9 ? 4 : precision <= 18 ? 8 : precision <= 38 ? 16 : 32;
  const bytes = decimalBytes(precision, scale);
  if (precision > 15) {
    const code = call(`V.decimal(w, b, p, ${constants.add(groups)}, ${size});`);
    return fixed(bytes, code, size);
  }
  const write =
    size === 4 ? 'd.setInt32(q, m ? -v : v, true); q += 4;' : `if (m) v = -v; ${writeInt64('v')}`;
  return fixed(bytes, `m = b[p] & 128 ? 0 : 255; ${sumGroups(groups)} ${write}`, size);
}

function sumGroups(groups: readonly DigitGroup[]): string {
  let offset = 0;
  return groups
    .map(({ digits, bytes }, place) => {
      const terms = Array.from({ length: bytes }, (_, index) => {
        const byte = `(b[p + ${offset + index}] ^ m${offset + index === 0 ? ' ^ 128' : ''})`;
        return index === bytes - 1 ? byte : `${byte} * ${256 ** (bytes - 1 - index)}`;
      }).join(' + ');
      offset += bytes;
      return place === 0 ? `v = ${terms};` : `v = v * ${10 ** digits} + ${terms};`;
    })
    .join(' ');
}

function writeInt64(value: string): string {
  return `x = Math.floor(${value} / 4294967296);
    d.setUint32(q, ${value} - x * 4294967296, true); d.setInt32(q + 4, x, true); q += 8;`;
}

/** year(15 bits) month(4) day(5), 3 bytes little endian. */
function date(index: number, constants: Constants): ColumnCode {
  return fixed(
    3,
    `v = b[p] | b[p + 1] << 8 | b[p + 2] << 16; m = v & 31;
    ${daysOf('v >> 9', 'v >> 5 & 15', index, constants)}
    d.setInt32(q, x, true); q += 4;`,
    4,
  );
}

/** Days since 1970 of (year, month, `m`) in `x`, or a rejection; see month-table.ts. */
function daysOf(year: string, month: string, index: number, constants: Constants): string {
  const lengths = constants.add(monthLengths);
  return `x = ((${year}) - 1900) * 16 + (${month});
    if (!(m > 0 && m <= ${lengths}[x])) V.reject(${index}, 'a zero, impossible or far date, outside 1900-01-01 to 2299-12-31');
    x = ${constants.add(monthStarts)}[x] + m;`;
}

function fractionBytes(fsp: number): number {
  return (fsp + 1) >> 1;
}

/** An unsigned big endian number of up to 3 bytes at `p + at`. */
function bigEndian(at: number, size: number): string {
  const terms = Array.from({ length: size }, (_, index) =>
    index === size - 1
      ? `b[p + ${at + index}]`
      : `b[p + ${at + index}] << ${8 * (size - 1 - index)}`,
  );
  return `(${terms.join(' | ') || '0'})`;
}

/** The fraction at `p + at` in `f`, in units of 10^-fsp; odd ones are stored with a digit more. */
function readFraction(fsp: number, at: number): string {
  return `f = ${bigEndian(at, fractionBytes(fsp))}${fsp % 2 === 1 ? ' / 10' : ''};`;
}

/** sign(1) year*13+month(17) day(5) hour(5) minute(6) second(6), 5 bytes big endian, then the fraction. */
function datetime(fsp: number, text: boolean, index: number, constants: Constants): ColumnCode {
  const size = 5 + fractionBytes(fsp);
  const fraction = readFraction(fsp, 5);
  if (text) return textual(`${fraction} V.datetimeText(w, b, p, f, ${fsp});`, size);
  const perSecond = 10 ** fsp;
  return fixed(
    size,
    `v = (b[p] & 127) << 10 | b[p + 1] << 2 | b[p + 2] >> 6; y = v / 13 | 0; m = b[p + 2] >> 1 & 31;
    ${daysOf('y', 'v - y * 13', index, constants)}
    y = x * 86400 + ((b[p + 2] & 1) << 4 | b[p + 3] >> 4) * 3600
      + ((b[p + 3] & 15) << 2 | b[p + 4] >> 6) * 60 + (b[p + 4] & 63);
    ${fraction} v = y * ${perSecond} + f;
    if (v > 9007199254740991) { ${call(`V.ticks(w, y, ${perSecond}, f);`)} } else { ${writeInt64('v')} }`,
    8,
  );
}

/** Seconds since 1970 in UTC, 4 bytes big endian, unsigned (MariaDB 11.5 reaches 2106), then the fraction. */
function timestamp(fsp: number, text: boolean, index: number): ColumnCode {
  const size = 4 + fractionBytes(fsp);
  const read = `v = (b[p] << 24 | b[p + 1] << 16 | b[p + 2] << 8 | b[p + 3]) >>> 0; ${readFraction(fsp, 4)}`;
  if (text) return textual(`${read} V.timestampText(w, v, f, ${fsp});`, size);
  return fixed(
    size,
    `${read} if (v === 0 && f === 0) V.reject(${index}, 'the zero timestamp');
    v = v * ${10 ** fsp} + f; ${writeInt64('v')}`,
    8,
  );
}

/**
 * hour(10) minute(6) second(6) and the fraction as one big endian number, 0x800000... added. A
 * negative time is the negated number as a whole, so its fraction borrows from the second.
 */
function time(fsp: number, text: boolean): ColumnCode {
  const size = fractionBytes(fsp);
  const unit = 256 ** size;
  const perSecond = 10 ** fsp;
  const read = `v = (${bigEndian(0, 3)} - 8388608) * ${unit} + ${bigEndian(3, size)};
    m = v < 0; if (m) v = -v;
    x = Math.floor(v / ${unit}); f = (v - x * ${unit})${fsp % 2 === 1 ? ' / 10' : ''};
    v = ((x >> 12 & 1023) * 3600 + (x >> 6 & 63) * 60 + (x & 63)) * ${perSecond} + f;
    if (m) v = -v;`;
  if (text) return textual(`${read} V.timeText(w, v, ${perSecond}, ${fsp});`, 3 + size);
  return fixed(3 + size, `${read} ${writeInt64('v')}`, 8);
}

/** Bytes of the bits, highest first. */
function bit(bits: number): ColumnCode {
  const size = (bits + 7) >> 3;
  const moves = Array.from({ length: 8 }, (_, index) =>
    index < size ? `o[q + ${index}] = b[p + ${size - 1 - index}];` : `o[q + ${index}] = 0;`,
  );
  return fixed(size, `${moves.join(' ')} q += 8;`, 8);
}

function binary(wire: WireColumn, index: number): ColumnCode | undefined {
  switch (wire.type) {
    case wireType.string:
      return sized(lengthBytesOf(wire), call(`V.padded(w, b, p, n, ${wire.size});`), 0);
    case wireType.varchar:
    case wireType.varString:
    case wireType.blob:
    case wireType.geometry:
      return sized(lengthBytesOf(wire), copyBytes, shortText + 1);
    case wireType.varcharCompressed:
    case wireType.blobCompressed:
      return sized(
        lengthBytesOf(wire),
        call(`x = V.inflated(b, p, n, ${index}); V.bytes(w, x, 0, x.length);`),
        0,
      );
    default:
      return undefined;
  }
}

/** Short values in line: below some tens of bytes a call into native code costs more than the bytes. */
const copyBytes = `if (n <= ${shortText}) {
      o[q++] = n;
      if (n <= 48) for (e = p; e < p + n; ) o[q++] = b[e++];
      else { b.copy(o, q, p, p + n); q += n; }
    } else { ${call('V.bytes(w, b, p, n);')} }`;

function lengthBytesOf({ type, size }: WireColumn): number {
  const isBlob =
    type === wireType.blob || type === wireType.blobCompressed || type === wireType.geometry;
  return isBlob ? size : size > 255 ? 2 : 1;
}

function string(
  wire: WireColumn,
  column: Column,
  index: number,
  constants: Constants,
): ColumnCode | undefined {
  const network = networkTypes[column.sourceType.toLowerCase()];
  if (network !== undefined && wire.type === wireType.string) {
    const render = constants.add(network.render);
    return sized(1, call(`V.rendered(w, b, p, n, ${network.width}, ${render});`), 0);
  }
  const decoding = wire.collation === undefined ? undefined : textDecodingOf(wire.collation);
  if (decoding === undefined || wire.collation === binaryCollation) return undefined;
  switch (wire.type) {
    case wireType.enum:
      return enumeration(wire, index, decoding, constants);
    case wireType.set:
      return set(wire, decoding, constants);
    case wireType.string:
    case wireType.varchar:
    case wireType.varString:
    case wireType.blob:
      return text(wire, decoding, index, constants);
    case wireType.varcharCompressed:
    case wireType.blobCompressed:
      return compressedText(wire, decoding, index, constants);
    default:
      return undefined;
  }
}

/** MariaDB types that a TABLE_MAP shows as char in the binary character set. */
export const networkTypes: Readonly<
  Record<string, { readonly width: number; readonly render: (bytes: Buffer) => string }>
> = {
  uuid: { width: 16, render: renderUuid },
  inet4: { width: 4, render: renderInet4 },
  inet6: { width: 16, render: renderInet6 },
};

function text(
  wire: WireColumn,
  decoding: TextDecoding,
  index: number,
  constants: Constants,
): ColumnCode {
  const lengthBytes = lengthBytesOf(wire);
  if (decoding.kind === 'utf8') return sized(lengthBytes, copyBytes, shortText + 1);
  return sized(lengthBytes, call(convert('b, p, n', decoding, index, constants)), 0);
}

function convert(
  value: string,
  decoding: TextDecoding,
  index: number,
  constants: Constants,
): string {
  if (decoding.kind === 'utf8') return `V.bytes(w, ${value});`;
  if (decoding.kind === 'singleByte') {
    return `V.singleByte(w, ${value}, ${constants.add(decoding.utf8)});`;
  }
  return `V.multiByte(w, ${value}, ${constants.add(decoding.decode)}, ${index});`;
}

function compressedText(
  wire: WireColumn,
  decoding: TextDecoding,
  index: number,
  constants: Constants,
): ColumnCode {
  const code = convert('x, 0, x.length', decoding, index, constants);
  return sized(lengthBytesOf(wire), call(`x = V.inflated(b, p, n, ${index}); ${code}`), 0);
}

/** A number from 1; 0 stands for a value that was no member, which the server shows as ''. */
function enumeration(
  wire: WireColumn,
  index: number,
  decoding: TextDecoding,
  constants: Constants,
): ColumnCode {
  const values = [Buffer.alloc(0), ...wire.members].map((member) => {
    const utf8 = Buffer.from(decodeText(decoding, member), 'utf8');
    return Buffer.concat([lengthPrefix(utf8.length), utf8]);
  });
  const number = wire.size === 1 ? 'b[p]' : 'b[p] | b[p + 1] << 8';
  return fixed(
    wire.size,
    `v = ${number}; if (v > ${wire.members.length}) V.reject(${index}, 'an enum number without a member');
    x = ${constants.add(values)}[v]; for (e = 0; e < x.length; ) o[q++] = x[e++];`,
    Math.max(...values.map((value) => value.length)),
  );
}

function lengthPrefix(length: number): Buffer {
  const bytes: number[] = [];
  let rest = length;
  for (; rest >= 0x80; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  return Buffer.from([...bytes, rest]);
}

function set(wire: WireColumn, decoding: TextDecoding, constants: Constants): ColumnCode {
  const members = constants.add(wire.members.map((member) => decodeText(decoding, member)));
  const known = constants.add(new Map<string, string>());
  const part = (from: number) =>
    Array.from({ length: Math.max(0, Math.min(4, wire.size - from)) }, (_, index) =>
      index === 0 ? `b[p + ${from}]` : `b[p + ${from + index}] * ${256 ** index}`,
    ).join(' + ') || '0';
  return fixed(wire.size, call(`V.set(w, ${members}, ${known}, ${part(0)}, ${part(4)});`), 0);
}
