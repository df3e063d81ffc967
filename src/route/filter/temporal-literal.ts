import { daysFromCivil } from '../../lib/civil-date.ts';

const datePattern = /^(\d{4})-(\d\d)-(\d\d)(?:[ T](\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?)?$/;
const timePattern = /^(-)?(\d{1,3}):(\d\d):(\d\d)(?:\.(\d{1,6}))?$/;

/** Microseconds since 1970-01-01 00:00:00 of `2026-01-31` or `2026-01-31 10:00:00.5`; undefined for other text. */
export function parseMoment(text: string): bigint | undefined {
  const parts = datePattern.exec(text);
  if (parts === null) return undefined;
  const [, year, month, day, hour = '0', minute = '0', second = '0', fraction = ''] = parts;
  const isDay =
    Number(month) >= 1 &&
    Number(month) <= 12 &&
    Number(day) >= 1 &&
    Number(day) <= daysInMonth(Number(year), Number(month));
  if (!isDay || Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return undefined;
  const days = daysFromCivil(Number(year), Number(month), Number(day));
  return BigInt(days) * 86_400_000_000n + clock(hour, minute, second, fraction);
}

/** Microseconds of `[-]hhh:mm:ss[.f]`; undefined for other text. */
export function parseDuration(text: string): bigint | undefined {
  const parts = timePattern.exec(text);
  if (parts === null) return undefined;
  const [, sign, hour = '0', minute = '0', second = '0', fraction = ''] = parts;
  if (Number(minute) > 59 || Number(second) > 59) return undefined;
  const value = clock(hour, minute, second, fraction);
  return sign === undefined ? value : -value;
}

function clock(hour: string, minute: string, second: string, fraction: string): bigint {
  const seconds = (BigInt(hour) * 60n + BigInt(minute)) * 60n + BigInt(second);
  return seconds * 1_000_000n + BigInt(fraction.padEnd(6, '0'));
}

function daysInMonth(year: number, month: number): number {
  return (
    daysFromCivil(month === 12 ? year + 1 : year, month === 12 ? 1 : month + 1, 1) -
    daysFromCivil(year, month, 1)
  );
}
