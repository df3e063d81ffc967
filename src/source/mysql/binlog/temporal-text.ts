/** Dates and times in the server's own text form. */

export interface DateParts {
  readonly year: number;
  readonly month: number;
  readonly day: number;
}

export interface ClockParts {
  readonly negative: boolean;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
}

/** `YYYY-MM-DD`. */
export function renderDate({ year, month, day }: DateParts): string {
  return `${String(year).padStart(4, '0')}-${pair(month)}-${pair(day)}`;
}

/** `YYYY-MM-DD hh:mm:ss[.f]`; `fraction` counts units of 10^-fsp seconds. */
export function renderDatetime(
  date: DateParts,
  clock: ClockParts,
  fraction: number,
  fsp: number,
): string {
  return `${renderDate(date)} ${renderTime(clock, fraction, fsp)}`;
}

/** `[-]hh:mm:ss[.f]`, with three digits of hours where they need them. */
export function renderTime(
  { negative, hour, minute, second }: ClockParts,
  fraction: number,
  fsp: number,
): string {
  const sign = negative ? '-' : '';
  const tail = fsp > 0 ? `.${String(fraction).padStart(fsp, '0')}` : '';
  return `${sign}${pair(hour)}:${pair(minute)}:${pair(second)}${tail}`;
}

function pair(value: number): string {
  return String(value).padStart(2, '0');
}
