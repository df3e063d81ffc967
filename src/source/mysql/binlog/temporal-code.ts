import { type ColumnCode, type Constants, call, fixed, textual, writeInt64 } from './code-parts.ts';
import { monthLengths, monthStarts } from './month-table.ts';

/** year(15 bits) month(4) day(5), 3 bytes little endian. */
export function emitDate(index: number, constants: Constants): ColumnCode {
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

export function fractionBytes(fsp: number): number {
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
export function emitDatetime(
  fsp: number,
  text: boolean,
  index: number,
  constants: Constants,
): ColumnCode {
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
export function emitTimestamp(fsp: number, text: boolean, index: number): ColumnCode {
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
export function emitTime(fsp: number, text: boolean): ColumnCode {
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
