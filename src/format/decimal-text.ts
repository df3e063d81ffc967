import { writeDouble, writePadded } from './digits.ts';

/**
 * Decimals from row bytes (value x 10^scale, little-endian two's complement), written into `to` at
 * `at`; each function returns the place behind what it wrote.
 */
const two32 = 4294967296;
const million = 1_000_000;
const limbs = new Uint32Array(8);
const digits = Buffer.alloc(84);
const bytes = Buffer.alloc(32);

/** 12.50; `value` below 2^53. */
export function writeScaled(to: Buffer, at: number, value: number, scale: number): number {
  let place = at;
  let rest = value;
  if (rest < 0) {
    to[place++] = 45;
    rest = -rest;
  }
  if (scale === 0) return writeDouble(to, place, rest);
  const unit = 10 ** scale;
  const whole = Math.floor(rest / unit);
  place = writeDouble(to, place, whole);
  to[place++] = 46;
  return writeFraction(to, place, rest - whole * unit, scale);
}

function writeFraction(to: Buffer, at: number, value: number, scale: number): number {
  if (scale <= 9) return writePadded(to, at, value, scale);
  const high = Math.floor(value / 1e9);
  return writePadded(to, writePadded(to, at, high, scale - 9), value - high * 1e9, 9);
}

/** Any size: 8, 16 or 32 bytes at `from`. */
export function writeDecimal(
  to: Buffer,
  at: number,
  row: Buffer,
  from: number,
  size: number,
  scale: number,
): number {
  let place = at;
  if (loadMagnitude(row, from, size)) to[place++] = 45;
  const start = fillDigits(size >> 2, scale);
  const point = digits.length - scale;
  for (let index = start; index < point; index++) to[place++] = digits[index] as number;
  if (scale === 0) return place;
  to[place++] = 46;
  for (let index = point; index < digits.length; index++) to[place++] = digits[index] as number;
  return place;
}

/** Base64 of these bytes is what Debezium calls `precise`: the fewest, highest first. */
export function loadUnscaled(row: Buffer, from: number, size: number): Buffer {
  let last = from + size - 1;
  while (last > from) {
    const byte = row[last] as number;
    const isExtension =
      (byte === 0 && (row[last - 1] as number) < 128) ||
      (byte === 255 && (row[last - 1] as number) >= 128);
    if (!isExtension) break;
    last--;
  }
  for (let index = last; index >= from; index--) bytes[last - index] = row[index] as number;
  unscaledBytes = last - from + 1;
  return bytes;
}

/** How many bytes the last `loadUnscaled` gave. */
export let unscaledBytes = 0;

/** Sets `limbs`; true for a negative value. */
function loadMagnitude(row: Buffer, from: number, size: number): boolean {
  const isNegative = (row[from + size - 1] as number) >= 128;
  const flip = isNegative ? 255 : 0;
  let carry = isNegative ? 1 : 0;
  for (let limb = 0; limb < size >> 2; limb++) {
    const place = from + limb * 4;
    const value =
      ((row[place] as number) ^ flip) +
      ((row[place + 1] as number) ^ flip) * 0x100 +
      ((row[place + 2] as number) ^ flip) * 0x10000 +
      ((row[place + 3] as number) ^ flip) * 0x1000000 +
      carry;
    carry = value === two32 ? 1 : 0;
    limbs[limb] = value;
  }
  return isNegative;
}

/** Digits of `limbs` at the end of `digits`, at least one before the point; returns the first one's place. */
function fillDigits(count: number, scale: number): number {
  let top = count;
  let place = digits.length;
  const least = digits.length - scale - 1;
  while (top > 0 && limbs[top - 1] === 0) top--;
  while (top > 0) {
    let rest = 0;
    for (let limb = top - 1; limb >= 0; limb--) {
      const value = rest * two32 + (limbs[limb] as number);
      const quotient = Math.floor(value / million);
      limbs[limb] = quotient;
      rest = value - quotient * million;
    }
    if (limbs[top - 1] === 0) top--;
    place -= 6;
    writePadded(digits, place, rest, 6);
  }
  while (place > least) digits[--place] = 48;
  while (place < least && digits[place] === 48) place++;
  return place;
}
