import type { ByteWriter } from '../lib/byte-writer.ts';
import { writeUint32 } from './digits.ts';
import { writeFloat64 } from './float-text.ts';

/** Texts and bytes of a row inside JSON strings. */
const quote = 34;
const backslash = 92;

/** 1 for bytes that JSON does not allow in a string as they are: controls, quote and backslash. */
const mustEscape = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte < 32 || byte === quote || byte === backslash ? 1 : 0,
);
/** The letter behind the backslash; 0 where it is \u00XX. */
const shortEscapes = new Uint8Array(256);
for (const [index, letter] of [...'btnfr'].entries()) {
  shortEscapes[[8, 9, 10, 12, 13][index] as number] = letter.charCodeAt(0);
}
shortEscapes[quote] = quote;
shortEscapes[backslash] = backslash;

const hex = Buffer.from('0123456789ABCDEF');
const alphabet = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/');
/** From here on a call into native code is faster than the loop. */
const nativeBytes = 512;

/**
 * Copies UTF-8 up to the first byte that needs an escape; returns the place behind it in `to`. Eight bytes
 * at a time: `(x - 0x20..) & ~x` has the top bit of a byte set that is below 0x20, and with the quote (the
 * backslash) XORed away `(y - 0x01..) & ~y` that of a byte which was it. A borrow can set it for nothing, but
 * only above such a byte.
 */
export function copyPlain(
  to: Buffer,
  view: DataView,
  at: number,
  from: Buffer,
  fromView: DataView,
  start: number,
  end: number,
): number {
  let place = at;
  let index = start;
  for (; index + 8 <= end; index += 8, place += 8) {
    const x1 = fromView.getInt32(index, true);
    const x2 = fromView.getInt32(index + 4, true);
    const y1 = x1 ^ 0x22222222;
    const y2 = x2 ^ 0x22222222;
    const z1 = x1 ^ 0x5c5c5c5c;
    const z2 = x2 ^ 0x5c5c5c5c;
    const found1 =
      ((x1 - 0x20202020) & ~x1) | ((y1 - 0x01010101) & ~y1) | ((z1 - 0x01010101) & ~z1);
    const found2 =
      ((x2 - 0x20202020) & ~x2) | ((y2 - 0x01010101) & ~y2) | ((z2 - 0x01010101) & ~z2);
    if (((found1 | found2) & 0x80808080) !== 0) break;
    view.setInt32(place, x1, true);
    view.setInt32(place + 4, x2, true);
  }
  for (; index < end; index++) {
    const byte = from[index] as number;
    if (mustEscape[byte] === 1) return place;
    to[place++] = byte;
  }
  return place;
}

/** The rest of a text, from its first escape on. Leaves `room` bytes free behind it. */
export function writeEscaped(
  writer: ByteWriter,
  from: Buffer,
  start: number,
  end: number,
  room: number,
): void {
  let size = end - start;
  for (let index = start; index < end; index++) {
    const byte = from[index] as number;
    if (mustEscape[byte] === 1) size += shortEscapes[byte] === 0 ? 5 : 1;
  }
  writer.reserve(size + room);
  const to = writer.buffer;
  let place = writer.offset;
  for (let index = start; index < end; index++) {
    const byte = from[index] as number;
    if (mustEscape[byte] === 1) place = writeEscape(to, place, byte);
    else to[place++] = byte;
  }
  writer.offset = place;
}

/** Bytes as characters U+0000..U+00FF. Leaves `room` bytes free behind them. */
export function writeLatin1(
  writer: ByteWriter,
  from: Buffer,
  start: number,
  end: number,
  room: number,
): void {
  writer.reserve((end - start) * 6 + room);
  const to = writer.buffer;
  let place = writer.offset;
  for (let index = start; index < end; index++) {
    const byte = from[index] as number;
    if (byte >= 128) {
      to[place++] = 0xc0 | (byte >> 6);
      to[place++] = 0x80 | (byte & 63);
    } else if (mustEscape[byte] === 1) {
      place = writeEscape(to, place, byte);
    } else {
      to[place++] = byte;
    }
  }
  writer.offset = place;
}

function writeEscape(to: Buffer, at: number, byte: number): number {
  to[at] = backslash;
  const short = shortEscapes[byte] as number;
  if (short !== 0) {
    to[at + 1] = short;
    return at + 2;
  }
  to[at + 1] = 117;
  to[at + 2] = 48;
  to[at + 3] = 48;
  to[at + 4] = hex[byte >> 4] as number;
  to[at + 5] = hex[byte & 15] as number;
  return at + 6;
}

export function writeBase64(
  to: Buffer,
  at: number,
  from: Buffer,
  start: number,
  end: number,
): number {
  if (end - start > nativeBytes) {
    return at + to.write(from.toString('base64', start, end), at, 'latin1');
  }
  let place = at;
  let index = start;
  for (; index + 2 < end; index += 3) {
    const bits =
      ((from[index] as number) << 16) |
      ((from[index + 1] as number) << 8) |
      (from[index + 2] as number);
    to[place] = alphabet[bits >> 18] as number;
    to[place + 1] = alphabet[(bits >> 12) & 63] as number;
    to[place + 2] = alphabet[(bits >> 6) & 63] as number;
    to[place + 3] = alphabet[bits & 63] as number;
    place += 4;
  }
  if (index === end) return place;
  const hasTwo = index + 2 === end;
  const bits = ((from[index] as number) << 16) | (hasTwo ? (from[index + 1] as number) << 8 : 0);
  to[place] = alphabet[bits >> 18] as number;
  to[place + 1] = alphabet[(bits >> 12) & 63] as number;
  to[place + 2] = hasTwo ? (alphabet[(bits >> 6) & 63] as number) : 61;
  to[place + 3] = 61;
  return place + 4;
}

/** `{"wkb":...,"srid":...}` of the server's own form, 4 bytes SRID and WKB; a point has x and y first. */
export function writeGeometry(
  to: Buffer,
  at: number,
  from: Buffer,
  start: number,
  end: number,
  isPoint: boolean,
): number {
  let place = at;
  to[place++] = 123;
  // WKB: byte order, UInt32 kind (1 is a point), then two doubles.
  if (isPoint && end - start >= 25) {
    place += to.write('"x":', place, 'latin1');
    place = writeFloat64(to, place, readDouble(from, start + 4, start + 9));
    place += to.write(',"y":', place, 'latin1');
    place = writeFloat64(to, place, readDouble(from, start + 4, start + 17));
    to[place++] = 44;
  }
  place += to.write('"wkb":"', place, 'latin1');
  place = writeBase64(to, place, from, start + 4, end);
  place += to.write('","srid":', place, 'latin1');
  const srid = from.readInt32LE(start);
  place = srid === 0 ? place + to.write('null', place, 'latin1') : writeUint32(to, place, srid);
  to[place++] = 125;
  return place;
}

function readDouble(from: Buffer, order: number, at: number): number {
  return from[order] === 1 ? from.readDoubleLE(at) : from.readDoubleBE(at);
}
