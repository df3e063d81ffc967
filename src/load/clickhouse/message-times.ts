import type { ColumnType } from '../../change/table-schema.ts';
import { quoteString } from '../../engine/sql-quote.ts';
import type { ValueReading } from './message-values.ts';
import { clickhouseType } from './type-map.ts';

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

/** 2026-01-31. */
export function dateOfText(text: string): ValueReading {
  const value = `toDate32OrNull(${text})`;
  return { value, fits: isSameText(value, text, 10) };
}

export function dateOfIso(text: string): ValueReading {
  return dateOfText(withoutZ(text));
}

/** `toDate32` would take a number above 65,535 for seconds. */
export function dateOfDays(text: string): ValueReading {
  const days = `toInt64OrNull(${text})`;
  return { value: dateAt(days), fits: isBetween(days, firstDay, lastDay) };
}

/** 2026-01-31 10:00:00.5. Checked by writing it again: 2026-02-30 is no date. */
export function momentOfText(text: string, type: ColumnType): ValueReading {
  const parsed = `toDateTime64OrNull(${text}, ${Math.max(1, fspOf(type))}, 'UTC')`;
  // Parsed with a scale of 0, moments outside of 1970-2106 would become others.
  const value = fspOf(type) === 0 ? cast(parsed, type) : parsed;
  const isInRange = `${text} >= '1900' AND ${text} < '2300'`;
  return { value, fits: `(${isInRange} AND ${isSameText(value, text, 19)})` };
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
    return {
      value: `reinterpret(${ticks}, ${quoteString(clickhouseType({ type, nullable: false }))})`,
      fits,
    };
  };
}

/** [-]hhh:mm:ss[.f]. */
export function timeOfText(text: string, type: ColumnType): ValueReading {
  const value = `toTime64OrNull(${text}, ${fspOf(type)})`;
  return { value, fits: isSameText(value, text, 8) };
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
  return { value: `replaceOne(${withoutZ(text)}, 'T', ' ')`, fits: '1' };
}

export function textOfDays(text: string): ValueReading {
  const days = `toInt64OrNull(${text})`;
  return { value: dateText(days), fits: isBetween(days, firstTextDay, lastTextDay) };
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
  // Nanoseconds of the first and last seconds may be beyond 64 bits; such a number is NULL then.
  const bound = (each: number) => {
    const exact = BigInt(each) * 10n ** BigInt(unit);
    const kept =
      exact > 2n ** 63n - 1n ? 2n ** 63n - 1n : exact < -(2n ** 63n) ? -(2n ** 63n) : exact;
    return `toInt64(${quoteString(kept.toString())})`;
  };
  const isInRange = `ifNull(${number} >= ${bound(seconds.min)} AND ${number} < ${bound(seconds.max)}, 0)`;
  if (fsp >= unit) {
    // Only nanoseconds of today's calendar fit 64 bits.
    const factor = 10n ** BigInt(fsp - unit);
    const most = (2n ** 63n - 1n) / factor;
    const fits = factor === 1n ? isInRange : `(${isInRange} AND abs(${number}) <= ${most})`;
    return { ticks: factor === 1n ? number : `(${number} * ${factor})`, fits };
  }
  const factor = 10 ** (unit - fsp);
  return {
    ticks: `intDiv(${number}, toInt64(${factor}))`,
    fits: `(${isInRange} AND ifNull(${number} % ${factor} = 0, 0))`,
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
  const rest = `toInt64(positiveModulo(${number}, toInt64(${by})))`;
  return { whole: `intDiv(${number} - ${rest}, toInt64(${by}))`, rest };
}

function dateAt(days: string): string {
  return `addDays(toDate32('1970-01-01'), ${days})`;
}

function withoutZ(text: string): string {
  return `if(endsWith(${text}, 'Z'), substring(${text}, 1, length(${text}) - 1), ${text})`;
}

/** The value written as text is this text, but for zeros at the end; `shortest` is without a fraction. */
function isSameText(value: string, text: string, shortest: number): string {
  const written = `toString(${value})`;
  const isShorter = `startsWith(${written}, ${text}) AND length(${text}) >= ${shortest}`;
  const isLonger =
    `startsWith(${text}, ${written}) ` +
    `AND NOT match(substring(${text}, length(${written}) + 1), '[^.0]')`;
  return `ifNull((${isShorter}) OR (${isLonger}), 0)`;
}

function isBetween(number: string, min: number, max: number): string {
  return `ifNull(${number} BETWEEN ${min} AND ${max}, 0)`;
}

function cast(value: string, type: ColumnType): string {
  return `CAST(${value}, ${quoteString(clickhouseType({ type, nullable: true }))})`;
}

function fspOf(type: ColumnType): number {
  return 'fsp' in type ? type.fsp : 0;
}
