import type { SinkTable } from './sink-table.ts';
import type { TypeMap } from './type-map.ts';

/**
 * The rule by which rows are compared, the same in every store that can compute it:
 *
 *     text(column) = canonical text, or U+001E for NULL
 *     key          = texts of the key columns, in key order, joined by U+001F
 *     row          = texts of all columns, in order, joined by U+001F
 *     bucket       = first `digits` hex digits of md5(key)
 *     h1, h2       = the first and the next 15 hex digits of md5(row), as numbers
 *     checksum     = bucket, count(*), sum(h1), sum(h2); sums exact, not modulo anything
 *
 * Buckets without rows are left out. md5 is taken over UTF-8 (or the raw bytes), hex digits are lower case.
 */
export const nullText = '\u001e';
export const separator = '\u001f';
/** Hex digits of each half. */
export const halfDigits = 15;

/** The texts of a row in the engine, as ClickHouse expressions over the target's column names. */
export function engineTexts(table: SinkTable, types: TypeMap, value: (name: string) => string) {
  const textOf = new Map(
    table.columns.map((column) => {
      const { canonical } = types.stored(column);
      const own = value(column.name);
      const text = canonical?.engine?.(own) ?? `toString(${own})`;
      return [column.name, `ifNull(${text}, '\\x1E')`];
    }),
  );
  const join = (names: readonly string[]) => {
    const parts = names.map((name) => textOf.get(name));
    return parts.length === 1 ? String(parts[0]) : `concat(${parts.join(", '\\x1F', ")})`;
  };
  return { key: join(table.key), row: join(table.columns.map(({ name }) => name)), textOf };
}

/** SELECT of `bucket, rows, sum1, sum2` over a query that gives columns `key` and `row` as texts. */
export function engineChecksums(rows: string, digits: number): string {
  const half = (from: number) =>
    `toString(sum(toInt128(reinterpretAsUInt64(reverse(unhex(concat('0', substring(hash, ${from}, ${halfDigits}))))))))`;
  return (
    `SELECT bucket, count() AS rows, ${half(1)} AS sum1, ${half(1 + halfDigits)} AS sum2 FROM (` +
    `SELECT substring(lower(hex(MD5(key))), 1, ${digits}) AS bucket, lower(hex(MD5(row))) AS hash FROM (${rows})) GROUP BY bucket`
  );
}
