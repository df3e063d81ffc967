import { daysFromCivil } from '../../../lib/civil-date.ts';

/**
 * Every month of 1900 to 2299, the range of Date32 and DateTime64, at `(year - 1900) * 16 + month`.
 * One look-up both checks a date and converts it: outside the range, for month 0 and for days
 * beyond the month's end, `day <= monthLengths[i]` is false.
 */
const years = 400;

/** Days of the month; 0 where there is no such month. */
export const monthLengths = new Uint8Array(years * 16);
/** Days from 1970-01-01 to the day before the month begins. */
export const monthStarts = new Int32Array(years * 16);

for (let year = 0; year < years; year++) {
  for (let month = 1; month <= 12; month++) {
    const start = daysFromCivil(1900 + year, month, 1);
    const next = month === 12 ? [1901 + year, 1] : [1900 + year, month + 1];
    monthStarts[year * 16 + month] = start - 1;
    monthLengths[year * 16 + month] = daysFromCivil(next[0] ?? 0, next[1] ?? 0, 1) - start;
  }
}
