import type { ColumnType } from '../../change/table-schema.ts';
import { clickhouseType } from '../../engine/column-type.ts';
import { quoteString } from '../../engine/sql-quote.ts';
import type { ValueReading } from './message-values.ts';

/** Digits behind the second: milliseconds, microseconds, nanoseconds. */
export type EpochUnit = 3 | 6 | 9;

type Read = (text: string, type: ColumnType) => ValueReading;

/** Days since 1970-01-01 of the calendar's first and last day in the engine: 1900-01-01 and 2299-12-31. */
const firstDay = -25_567;
const lastDay = 120_529;
/** In 400 years. */
const cycleDays = 146_097;
const daySeconds = 86_400;
/** 0000-01-01 and 9999-12-31. */
const firstTextDay = -719_528;
const lastTextDay = 2_932_896;
/** Hours of a time: three digits. */
const timeSeconds = 3_600_000;
const maxInt64 = 2n ** 63n - 1n;

/** 2026-01-31; 2026-02-30 is another date when it is written again. */
export function dateOfText(text: string): ValueReading {
  const value = `toDate32OrNull(${text})`;
  return { value, fits: `toString(${value}) = ${text}` };
}

export function dateOfIso(text: string): ValueReading {
  return dateOfText(withoutZ(text));
}

/** `toDate32` would take a number above 65,535 for seconds. */
export function dateOfDays(text: string): ValueReading {
  const days = `toInt64OrNull(${text})`;
  return { value: dateAt(days), fits: `${days} BETWEEN ${firstDay} AND ${lastDay}` };
}

/** 2026-01-31 10:00:00.5 */
export function momentOfText(text: string, type: ColumnType): ValueReading {
  const fsp = fspOf(type);
  const parsed = `toDateTime64OrNull(${text}, ${Math.max(1, fsp)}, 'UTC')`;
  // Parsed with a scale of 0, moments outside of 1970-2106 would become others.
  const value =
    fsp === 0
      ? `CAST(${parsed}, ${quoteString(clickhouseType({ type, nullable: true }))})`
      : parsed;
  // After this nothing can be wrong but the day, as in 2026-02-30, which would be March 2nd.
  const form = quoteString(
    `^(19|2[0-2])[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01]) ${clock('([01][0-9]|2[0-3])', fsp)}$`,
  );
  const isSameDay = `toDayOfMonth(${parsed}) = toUInt8OrZero(substring(${text}, 9, 2))`;
  return { value, fits: `(match(${text}, ${form}) AND ${isSameDay})` };
}

export function momentOfIso(text: string, type: ColumnType): ValueReading {
  return momentOfText(textOfIso(text).value, type);
}

export function momentOfEpoch(unit: EpochUnit): Read {
  return (text, type) => {
    const { ticks, fits } = ticksOf(text, unit, fspOf(type), {
      min: firstDay * daySeconds,
      max: (lastDay + 1) * daySeconds,
    });
    const target = quoteString(clickhouseType({ type, nullable: false }));
    return { value: `reinterpret(${ticks}, ${target})`, fits };
  };
}

/** [-]hhh:mm:ss[.f] */
export function timeOfText(text: string, type: ColumnType): ValueReading {
  const fsp = fspOf(type);
  const form = quoteString(`^-?${clock('[0-9]{2,3}', fsp)}$`);
  return { value: `toTime64OrNull(${text}, ${fsp})`, fits: `match(${text}, ${form})` };
}

export function timeOfIso(text: string, type: ColumnType): ValueReading {
  return timeOfText(withoutZ(text), type);
}

/** Since 00:00:00; may be negative and more than a day. */
export function timeOfEpoch(unit: EpochUnit): Read {
  return (text, type) => {
    const fsp = fspOf(type);
    const { ticks, fits } = ticksOf(text, unit, fsp, { min: 1 - timeSeconds, max: timeSeconds });
    const seconds = `reinterpret(${ticks}, ${quoteString(`Decimal(18, ${fsp})`)})`;
    return { value: `CAST(${seconds}, ${quoteString(`Nullable(Time64(${fsp}))`)})`, fits };
  };
}

/** ISO 8601 as the server writes it: a blank for the T, no Z. */
export function textOfIso(text: string): ValueReading {
  return { value: `replaceOne(${withoutZ(text)}, 'T', ' ')`, fits: 'always' };
}

export function textOfDays(text: string): ValueReading {
  const days = `toInt64OrNull(${text})`;
  return { value: dateText(days), fits: `${days} BETWEEN ${firstTextDay} AND ${lastTextDay}` };
}

/** YYYY-MM-DD hh:mm:ss[.f] of any year from 0000 to 9999. */
export function textOfEpoch(unit: EpochUnit): Read {
  return (text, type) => {
    const fsp = fspOf(type);
    const { ticks, fits } = ticksOf(text, unit, fsp, {
      min: firstTextDay * daySeconds,
      max: (lastTextDay + 1) * daySeconds,
    });
    const { whole, rest } = divided(ticks, daySeconds * 10 ** fsp);
    const time = `reinterpret(${rest}, ${quoteString(`DateTime64(${fsp}, 'UTC')`)})`;
    return { value: `concat(${dateText(whole)}, substring(toString(${time}), 11))`, fits };
  };
}

/** Ticks of 10^-fsp s, and whether the number is within the seconds and has no smaller part. */
function ticksOf(
  text: string,
  unit: EpochUnit,
  fsp: number,
  seconds: { readonly min: number; readonly max: number },
): { ticks: string; fits: string } {
  const number = `toInt64OrNull(${text})`;
  const factor = 10n ** BigInt(Math.abs(fsp - unit));
  const isFiner = fsp >= unit;
  // Ticks are 64 bits, and nanoseconds of all years are not.
  const bound = (each: number) => {
    const exact = BigInt(each) * 10n ** BigInt(unit);
    const most = isFiner ? maxInt64 / factor : maxInt64;
    return exact > most ? most : exact < -most ? -most : exact;
  };
  const isInRange = `${number} >= ${bound(seconds.min)} AND ${number} < ${bound(seconds.max)}`;
  if (factor === 1n) return { ticks: number, fits: `(${isInRange})` };
  if (isFiner) return { ticks: `${number} * ${factor}`, fits: `(${isInRange})` };
  return {
    ticks: `intDiv(${number}, ${factor})`,
    fits: `(${isInRange} AND ${number} % ${factor} = 0)`,
  };
}

/** The engine's calendar has 400 years, after which any calendar repeats itself. */
function dateText(days: string): string {
  const { whole, rest } = divided(`(${days} - (${firstDay}))`, cycleDays);
  const date = dateAt(`(${rest} + (${firstDay}))`);
  const year = `leftPad(toString(toInt64(toYear(${date})) + 400 * ${whole}), 4, '0')`;
  return `concat(${year}, substring(toString(${date}), 5))`;
}

/** Rounded down, so the rest is never negative. */
function divided(number: string, by: number): { whole: string; rest: string } {
  const rest = `toInt64(positiveModulo(${number}, ${by}))`;
  return { whole: `intDiv(${number} - ${rest}, ${by})`, rest };
}

function dateAt(days: string): string {
  return `addDays(toDate32('1970-01-01'), ${days})`;
}

/** There is no other Z in a date or a time. */
function withoutZ(text: string): string {
  return `replaceOne(${text}, 'Z', '')`;
}

/** Pattern of a time with up to `fsp` digits behind the second, and zeros. */
function clock(hours: string, fsp: number): string {
  return `${hours}:[0-5][0-9]:[0-5][0-9](\\.[0-9]{0,${fsp}}0*)?`;
}

function fspOf(type: ColumnType): number {
  return 'fsp' in type ? type.fsp : 0;
}
