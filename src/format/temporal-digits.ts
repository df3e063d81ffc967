import { writeFour, writeInt64, writePadded, writeSmall, writeTwo } from './digits.ts';

/**
 * Dates and times as text, written into `to` at `at`; each function returns the place behind it.
 * Ticks (10^-fsp s) come as two signed 32-bit halves and are exact over the whole range.
 */
const two32 = 4294967296;
const secondsPerDay = 86_400;
const units = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000] as const;

/** YYYY-MM-DD of days met lately: rows lie close together in time, and the calendar is costly. */
const slots = 256;
const knownDays = new Int32Array(slots).fill(-2147483648);
const knownText = Buffer.alloc(slots * 10);

export function writeDate(to: Buffer, at: number, days: number): number {
  const slot = days & (slots - 1);
  if (knownDays[slot] !== days) {
    fillDate(slot * 10, days);
    knownDays[slot] = days;
  }
  const from = slot * 10;
  for (let index = 0; index < 10; index++) to[at + index] = knownText[from + index] as number;
  return at + 10;
}

/** YYYY-MM-DD, `separator`, hh:mm:ss and the fraction. */
export function writeDatetime(
  to: Buffer,
  at: number,
  low: number,
  high: number,
  fsp: number,
  separator: number,
): number {
  const unit = units[fsp] as number;
  // high * 2^32 + low, divided half by half: no step leaves 2^53.
  const upper = Math.floor(high / unit);
  const rest = (high - upper * unit) * two32 + (low >>> 0);
  const lower = Math.floor(rest / unit);
  const seconds = upper * two32 + lower;
  const days = Math.floor(seconds / secondsPerDay);
  const place = writeDate(to, at, days);
  to[place] = separator;
  const end = writeClock(to, place + 1, seconds - days * secondsPerDay);
  return writeFraction(to, end, rest - lower * unit, fsp);
}

/** [-]hh:mm:ss and the fraction; hours may have three digits. */
export function writeTime(to: Buffer, at: number, low: number, high: number, fsp: number): number {
  const unit = units[fsp] as number;
  let ticks = high * two32 + (low >>> 0);
  let place = at;
  if (ticks < 0) {
    to[place++] = 45;
    ticks = -ticks;
  }
  const seconds = Math.floor(ticks / unit);
  return writeFraction(to, writeClock(to, place, seconds), ticks - seconds * unit, fsp);
}

/** Ticks in a finer unit: `zeros` digits are appended, so nothing is multiplied. */
export function writeTicks(
  to: Buffer,
  at: number,
  low: number,
  high: number,
  zeros: number,
): number {
  let place = writeInt64(to, at, low, high);
  if (low === 0 && high === 0) return place;
  for (let index = 0; index < zeros; index++) to[place++] = 48;
  return place;
}

function writeClock(to: Buffer, at: number, seconds: number): number {
  const hours = (seconds / 3600) | 0;
  const rest = (seconds - hours * 3600) | 0;
  const minutes = (rest / 60) | 0;
  const place = hours < 100 ? writeTwo(to, at, hours) : writeSmall(to, at, hours);
  to[place] = 58;
  writeTwo(to, place + 1, minutes);
  to[place + 3] = 58;
  return writeTwo(to, place + 4, rest - minutes * 60);
}

function writeFraction(to: Buffer, at: number, value: number, fsp: number): number {
  if (fsp === 0) return at;
  to[at] = 46;
  return writePadded(to, at + 1, value, fsp);
}

/** The proleptic Gregorian date, the reverse of lib/civil-date.ts. */
function fillDate(at: number, days: number): void {
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  );
  const dayOfYear =
    dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shiftedMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1;
  const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9;
  writeFour(knownText, at, yearOfEra + era * 400 + (month <= 2 ? 1 : 0));
  knownText[at + 4] = 45;
  writeTwo(knownText, at + 5, month);
  knownText[at + 7] = 45;
  writeTwo(knownText, at + 8, day);
}
