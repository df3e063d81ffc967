import { loadUnscaled, unscaledBytes, writeDecimal, writeScaled } from './decimal-text.ts';
import {
  writeDouble,
  writeInt32,
  writeInt64,
  writeMillis,
  writePadded,
  writeSmall,
  writeUint32,
  writeUint64,
} from './digits.ts';
import { writeFloat32, writeFloat64, writeNotFinite } from './float-text.ts';
import { writeDate, writeDatetime, writeTicks, writeTime } from './temporal-digits.ts';
import { copyPlain, writeBase64, writeEscaped, writeGeometry, writeLatin1 } from './text-bytes.ts';

const scratch = Buffer.alloc(96);

function writeUnscaled(to: Buffer, at: number, row: Buffer, from: number, size: number): number {
  return writeBase64(to, at, loadUnscaled(row, from, size), 0, unscaledBytes);
}

/** The double nearest to a decimal. */
function writeRounded(
  to: Buffer,
  at: number,
  row: Buffer,
  from: number,
  size: number,
  scale: number,
): number {
  const end = writeDecimal(scratch, 0, row, from, size, scale);
  return writeFloat64(to, at, Number(scratch.toString('latin1', 0, end)));
}

function copyBytes(to: Buffer, at: number, from: Buffer, start: number, end: number): number {
  if (end - start > 64) return at + from.copy(to, at, start, end);
  let place = at;
  for (let index = start; index < end; index++) to[place++] = from[index] as number;
  return place;
}

/** Whether two values of row bytes differ; a start below 0 is NULL. */
function differs(
  from: Buffer,
  left: number,
  leftBytes: number,
  right: number,
  rightBytes: number,
): boolean {
  if (left < 0 || right < 0) return left !== right;
  if (leftBytes !== rightBytes) return true;
  for (let index = 0; index < leftBytes; index++) {
    if (from[left + index] !== from[right + index]) return true;
  }
  return false;
}

/** LEB128 of several bytes; how many follows from the value. */
function readLength(from: Buffer, at: number): number {
  let length = 0;
  let place = at;
  for (let unit = 1; ; unit *= 128) {
    const byte = from[place++] as number;
    length += (byte & 127) * unit;
    if (byte < 128) return length;
  }
}

/** Bytes of a UInt64 up to its highest that is not 0, at least `least`. */
function usedBytes(from: Buffer, at: number, least: number): number {
  let size = 8;
  while (size > least && from[at + size - 1] === 0) size--;
  return size;
}

/** What generated code may call. */
export const runtime = {
  copyBytes,
  copyPlain,
  differs,
  readLength,
  usedBytes,
  writeBase64,
  writeDate,
  writeDatetime,
  writeDecimal,
  writeDouble,
  writeEscaped,
  writeFloat32,
  writeFloat64,
  writeGeometry,
  writeInt32,
  writeInt64,
  writeLatin1,
  writeMillis,
  writeNotFinite,
  writePadded,
  writeRounded,
  writeScaled,
  writeSmall,
  writeTicks,
  writeTime,
  writeUint32,
  writeUint64,
  writeUnscaled,
};
