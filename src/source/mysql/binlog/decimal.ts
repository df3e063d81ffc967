/**
 * MySQL's binary decimal (strings/decimal.cc): groups of 9 digits in 4 bytes, big endian, with a
 * shorter group in front of the integer part and one behind the fraction. The highest bit of the
 * first byte is inverted; all bytes of a negative number are.
 */

const bytesOfDigits = [0, 1, 1, 2, 2, 3, 3, 4, 4, 4];

export interface DigitGroup {
  readonly digits: number;
  readonly bytes: number;
}

/** The groups of a decimal(precision, scale), first to last. */
export function decimalGroups(precision: number, scale: number): DigitGroup[] {
  const whole = precision - scale;
  const groupsOf = (digits: number) => Array.from({ length: Math.floor(digits / 9) }, () => 9);
  return [whole % 9, ...groupsOf(whole), ...groupsOf(scale), scale % 9]
    .filter((digits) => digits > 0)
    .map((digits) => ({ digits, bytes: bytesOfDigits[digits] ?? 0 }));
}

/** Bytes a decimal takes in a row image. */
export function decimalBytes(precision: number, scale: number): number {
  return decimalGroups(precision, scale).reduce((sum, { bytes }) => sum + bytes, 0);
}

/** Value x 10^scale of the decimal at `at`. */
export function readDecimal(bytes: Buffer, at: number, groups: readonly DigitGroup[]): bigint {
  const negative = ((bytes[at] ?? 0) & 0x80) === 0;
  const mask = negative ? 0xff : 0;
  let flip = 0x80;
  let offset = at;
  let value = 0n;
  for (const { digits, bytes: size } of groups) {
    let group = 0;
    for (const end = offset + size; offset < end; offset++) {
      group = group * 256 + ((bytes[offset] ?? 0) ^ mask ^ flip);
      flip = 0;
    }
    value = value * BigInt(10 ** digits) + BigInt(group);
  }
  return negative ? -value : value;
}

/** The decimal at `at` as the server prints it: all digits of the fraction, no needless zero in front. */
export function renderDecimal(bytes: Buffer, at: number, precision: number, scale: number): string {
  const value = readDecimal(bytes, at, decimalGroups(precision, scale));
  const sign = value < 0n ? '-' : '';
  const digits = (value < 0n ? -value : value).toString().padStart(scale + 1, '0');
  if (scale === 0) return sign + digits;
  return `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}
