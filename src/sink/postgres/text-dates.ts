/**
 * A ClickHouse condition that is true for a text beginning with `YYYY-MM-DD` that is no day of the calendar: MySQL has
 * 0000-00-00, 2024-00-00 and, with ALLOW_INVALID_DATES, 2024-02-31.
 */
export function isImpossibleDate(value: string): string {
  const part = (from: number, length: number) =>
    `toUInt16OrZero(substring(ifNull(${value}, '2000-01-01'), ${from}, ${length}))`;
  const [year, month, day] = [part(1, 4), part(6, 2), part(9, 2)];
  const isLeap = `((${year} % 4 = 0 AND ${year} % 100 != 0) OR ${year} % 400 = 0)`;
  const lastDay = `if(${month} = 2, if(${isLeap}, 29, 28), if(${month} IN (4, 6, 9, 11), 30, 31))`;
  return `(${year} = 0 OR ${month} NOT BETWEEN 1 AND 12 OR ${day} NOT BETWEEN 1 AND ${lastDay})`;
}
