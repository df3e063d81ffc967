import { halfDigits, nullText, separator } from '../checksum.ts';
import type { BucketChoice } from '../sink.ts';
import { deletedColumn, type SinkTable, versionColumn } from '../sink-table.ts';
import { quoteName, quoteText } from './sql-text.ts';
import { storedColumns, type TableOptions, tableName } from './stored-table.ts';

/** The rule of ../checksum.ts in PostgreSQL's words. The session's time zone does not matter. */
export function checksumStatement(table: SinkTable, options: TableOptions, digits: number): string {
  const { key, row } = texts(table, options);
  const half = (from: number) =>
    `sum(('x' || substr(hash, ${from}, ${halfDigits}))::bit(${halfDigits * 4})::bigint)::text`;
  const rows = `SELECT substr(md5(${key}), 1, ${digits}) AS bucket, md5(${row}) AS hash FROM ${current(table, options)}`;
  return `SELECT bucket, count(*)::text AS rows, ${half(1)} AS sum1, ${half(1 + halfDigits)} AS sum2 FROM (${rows}) AS hashed GROUP BY bucket`;
}

/** Canonical texts and version of the rows, as COPY prints them, which TabSeparated reads. */
export function readBackStatement(
  table: SinkTable,
  options: TableOptions,
  buckets?: BucketChoice,
): string {
  const { key, values } = texts(table, options);
  const names = [...(buckets?.names ?? [])].map(quoteText).join(', ');
  const where =
    buckets === undefined ? '' : ` WHERE substr(md5(${key}), 1, ${buckets.digits}) IN (${names})`;
  return `COPY (SELECT ${values.join(', ')}, ${quoteName(versionColumn)} FROM ${current(table, options)}${where}) TO STDOUT`;
}

function current(table: SinkTable, options: TableOptions): string {
  const name = tableName(options, table);
  if (options.deletes === 'hard') return `${name} AS stored`;
  return `(SELECT * FROM ${name} WHERE NOT ${quoteName(deletedColumn)}) AS stored`;
}

function texts(table: SinkTable, options: TableOptions) {
  const textOf = new Map(
    storedColumns(table, options).map(({ column: { name }, canonical }) => {
      const value = quoteName(name);
      return [name, canonical?.store?.(value) ?? `${value}::text`];
    }),
  );
  const join = (names: readonly string[]) =>
    names
      .map((name) => `coalesce(${textOf.get(name)}, chr(${nullText.charCodeAt(0)}))`)
      .join(` || chr(${separator.charCodeAt(0)}) || `);
  return {
    values: [...textOf.values()],
    key: join(table.key),
    row: join(table.columns.map(({ name }) => name)),
  };
}
