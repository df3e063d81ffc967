import { halfDigits, nullText, separator } from '../checksum.ts';
import type { BucketChoice } from '../sink.ts';
import type { SinkTable } from '../sink-table.ts';
import type { TypeMap } from '../type-map.ts';
import { quoteName, quoteText } from './sql-text.ts';

/** What the statements are about: the table in the store as SQL, and the column with each row’s version. */
export interface StoredRows {
  readonly table: SinkTable;
  readonly types: TypeMap;
  readonly from: string;
  readonly version: string;
}

/** Rows written by others than this sink have no version here, and are not its rows. */
function ownRows({ from, version }: StoredRows): string {
  return `${from} WHERE ${quoteName(version)} IS NOT NULL`;
}

function canonicalTexts({ table, types }: StoredRows): ReadonlyMap<string, string> {
  return new Map(
    table.columns.map((column) => {
      const name = quoteName(column.name);
      const text = types.stored(column).canonical?.store?.(name) ?? `CAST(${name} AS STRING)`;
      return [column.name, text];
    }),
  );
}

function joined(texts: ReadonlyMap<string, string>, names: readonly string[]): string {
  const parts = names.map((name) => `IFNULL(${texts.get(name)}, ${quoteText(nullText)})`);
  return `CONCAT(${parts.join(`, ${quoteText(separator)}, `)})`;
}

/** `bucket, row_count, sum1, sum2` by the rule of checksum.ts. */
export function checksumStatement(rows: StoredRows, digits: number): string {
  const texts = canonicalTexts(rows);
  const half = (from: number) =>
    `CAST(SUM(CAST(CONV(SUBSTRING(row_hash, ${from}, ${halfDigits}), 16, 10) AS LARGEINT)) AS STRING)`;
  const key = joined(texts, rows.table.key);
  const row = joined(
    texts,
    rows.table.columns.map(({ name }) => name),
  );
  return (
    `SELECT bucket, COUNT(*) AS row_count, ${half(1)} AS sum1, ${half(1 + halfDigits)} AS sum2 FROM (` +
    `SELECT SUBSTRING(MD5(${key}), 1, ${digits}) AS bucket, MD5(${row}) AS row_hash FROM ${ownRows(rows)}) hashed GROUP BY bucket`
  );
}

/** Canonical texts of the columns, then the version. */
export function readStatement(rows: StoredRows, buckets?: BucketChoice): string {
  const texts = canonicalTexts(rows);
  const items = [...texts.values()].map((text, index) => `${text} AS c${index}`);
  const version = `CAST(${quoteName(rows.version)} AS STRING) AS row_version`;
  const select = `SELECT ${items.join(', ')}, ${version} FROM ${ownRows(rows)}`;
  if (buckets === undefined) return select;
  const names = [...buckets.names].map(quoteText).join(', ');
  const bucket = `SUBSTRING(MD5(${joined(texts, rows.table.key)}), 1, ${buckets.digits})`;
  return `${select} AND ${bucket} IN (${names})`;
}
