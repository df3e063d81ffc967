/** One column of a unique index, from `information_schema.STATISTICS`, in index order. */
export interface IndexColumnRow {
  readonly indexName: string;
  /** NULL for an expression (MySQL functional index). */
  readonly columnName: string | null;
  /** SUB_PART: the index covers only the first characters, so it does not identify a row by the column. */
  readonly prefix: number | string | null;
  /** MariaDB enforces uniqueness of long columns with HASH, which has no order to read chunks by. */
  readonly type: string;
}

/** What identifies the rows of a table, and the index that has them in that order. */
export interface TableKey {
  readonly columns: readonly string[];
  /** Empty when no unique index stands behind the columns. */
  readonly index: string;
}

/**
 * The primary key, or else the unique key over NOT NULL columns with the fewest columns (then by
 * name, so that the choice is stable). Undefined when there is none.
 */
export function chooseKey(
  rows: readonly IndexColumnRow[],
  nullable: ReadonlySet<string>,
): TableKey | undefined {
  const indexes = new Map<string, IndexColumnRow[]>();
  for (const row of rows) indexes.set(row.indexName, [...(indexes.get(row.indexName) ?? []), row]);
  const [best] = [...indexes]
    .filter(([name, index]) => name === 'PRIMARY' || index.every((row) => isUsable(row, nullable)))
    .map(([name, index]) => ({ index: name, columns: index.map((row) => row.columnName ?? '') }))
    .sort((left, right) => rank(left) - rank(right) || (left.index < right.index ? -1 : 1));
  return best;
}

function isUsable(
  { columnName, prefix, type }: IndexColumnRow,
  nullable: ReadonlySet<string>,
): boolean {
  return columnName !== null && !nullable.has(columnName) && prefix === null && type !== 'HASH';
}

function rank(key: TableKey): number {
  return key.index === 'PRIMARY' ? 0 : key.columns.length;
}
