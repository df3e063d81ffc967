import { nameList, quoteName } from '../postgres/sql-text.ts';
import { type TableOptions, tableName } from '../postgres/stored-table.ts';
import { type SinkTable, versionColumn } from '../sink-table.ts';

/** A statement with `$1`, `$2`, ... and their texts. */
export interface RowsStatement {
  readonly sql: string;
  readonly values: readonly (string | null)[];
}

/** A row as it was printed: its columns, `_version` and `_deleted`. */
export type PrintedRow = readonly (string | null)[];

/** Hologres counts parameters with 16 bits and a sign. */
const maxParameters = 32_767;

/**
 * Statements that Hologres runs by its *fixed plan*: with locks on rows and without its optimizer. That is what INSERT of VALUES with
 * ON CONFLICT over given columns, and DELETE by the whole key are; both may compare one column with the stored one
 * (Hologres calls it check-and-put, from 2.1 on), which keeps rows with a higher version. Without a sub-query, so there is
 * no staging; and a statement is not one transaction: some of its rows may be written when it fails, and are written again.
 */
export function* fixedPlanStatements(
  table: SinkTable,
  options: TableOptions,
  rows: Iterable<PrintedRow>,
  maxRows: number,
): Generator<RowsStatement, void> {
  const width = table.columns.length + 1;
  const limit = Math.max(1, Math.min(maxRows, Math.floor(maxParameters / width)));
  let upserts: PrintedRow[] = [];
  let deletions: PrintedRow[] = [];
  for (const row of rows) {
    const isDeleted = row[width] === '1';
    (isDeleted ? deletions : upserts).push(row);
    if (upserts.length === limit) {
      yield upsert(table, options, upserts);
      upserts = [];
    }
    if (deletions.length === limit) {
      yield deletion(table, options, deletions);
      deletions = [];
    }
  }
  if (upserts.length > 0) yield upsert(table, options, upserts);
  if (deletions.length > 0) yield deletion(table, options, deletions);
}

function upsert(
  table: SinkTable,
  options: TableOptions,
  rows: readonly PrintedRow[],
): RowsStatement {
  const names = [...table.columns.map(({ name }) => name), versionColumn];
  const version = quoteName(versionColumn);
  const sets = names
    .filter((each) => !table.key.includes(each))
    .map((each) => `${quoteName(each)} = excluded.${quoteName(each)}`);
  const tuples = rows.map((_, row) => {
    const places = names.map((_name, column) => `$${row * names.length + column + 1}`);
    return `(${places.join(', ')})`;
  });
  return {
    sql:
      `INSERT INTO ${tableName(options, table)} AS old (${nameList(names)}) VALUES ${tuples.join(', ')} ` +
      `ON CONFLICT (${nameList(table.key)}) DO UPDATE SET ${sets.join(', ')} WHERE excluded.${version} >= old.${version}`,
    values: rows.flatMap((row) => row.slice(0, names.length)),
  };
}

function deletion(
  table: SinkTable,
  options: TableOptions,
  rows: readonly PrintedRow[],
): RowsStatement {
  const places = table.key.map((key) => table.columns.findIndex(({ name }) => name === key));
  const size = places.length + 1;
  const conditions = rows.map((_, row) => {
    const equal = table.key.map((key, at) => `${quoteName(key)} = $${row * size + at + 1}`);
    return `(${equal.join(' AND ')} AND ${quoteName(versionColumn)} <= $${(row + 1) * size})`;
  });
  return {
    sql: `DELETE FROM ${tableName(options, table)} WHERE ${conditions.join(' OR ')}`,
    values: rows.flatMap((row) => [
      ...places.map((place) => row[place] ?? null),
      row[table.columns.length] ?? null,
    ]),
  };
}
