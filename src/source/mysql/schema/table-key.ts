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

/**
 * The columns that identify a row: the primary key, or else the unique key over NOT NULL columns with
 * the fewest columns (then by name, so that the choice is stable). Empty when there is none.
 */
export function chooseKey(
  rows: readonly IndexColumnRow[],
  nullable: ReadonlySet<string>,
): readonly string[] {
  const indexes = new Map<string, IndexColumnRow[]>();
  for (const row of rows) indexes.set(row.indexName, [...(indexes.get(row.indexName) ?? []), row]);
  const primary = indexes.get('PRIMARY');
  if (primary) return namesOf(primary);
  const usable = [...indexes.values()].filter((index) =>
    index.every(
      ({ columnName, prefix, type }) =>
        columnName !== null && !nullable.has(columnName) && prefix === null && type !== 'HASH',
    ),
  );
  usable.sort(
    (left, right) => left.length - right.length || (indexName(left) < indexName(right) ? -1 : 1),
  );
  return namesOf(usable[0] ?? []);
}

function namesOf(index: readonly IndexColumnRow[]): string[] {
  return index.flatMap(({ columnName }) => (columnName === null ? [] : [columnName]));
}

function indexName(index: readonly IndexColumnRow[]): string {
  return index[0]?.indexName ?? '';
}
