import { deletedColumn, type SinkTable, versionColumn } from '../sink-table.ts';
import { nameList, quoteName } from './sql-text.ts';
import { storedColumns, type TableOptions, tableName } from './stored-table.ts';

/** Rows of a batch on their way: gone with the transaction, so that nothing is left behind and poolers do not matter. */
const stage = 'pg_temp.cdc_stage';

/** Takes NULL everywhere: a deleted row has only its key. */
export function createStage(table: SinkTable, options: TableOptions): string {
  const columns = storedColumns(table, options).map(
    ({ column, type }) => `${quoteName(column.name)} ${type}`,
  );
  const own = `${quoteName(versionColumn)} bigint, ${quoteName(deletedColumn)} smallint`;
  return `CREATE TEMPORARY TABLE cdc_stage (${columns.join(', ')}, ${own}) ON COMMIT DROP`;
}

export const copyIntoStage = `COPY ${stage} FROM STDIN`;

/**
 * From the stage into the table, never over a row with a higher version. ON CONFLICT takes another writer's insert in its stride
 * and measured faster than MERGE and than UPDATE with INSERT of the rest.
 */
export function mergeStage(table: SinkTable, options: TableOptions): string[] {
  const names = [...table.columns.map(({ name }) => name), versionColumn];
  const name = tableName(options, table);
  const version = quoteName(versionColumn);
  const isDeleted = `staged.${quoteName(deletedColumn)} = 1`;
  const isSameKey = table.key
    .map((key) => `stored.${quoteName(key)} = staged.${quoteName(key)}`)
    .join(' AND ');
  const gone = `${isSameKey} AND ${isDeleted} AND stored.${version} <= staged.${version}`;
  const sets = names
    .filter((each) => !table.key.includes(each))
    .map((each) => `${quoteName(each)} = excluded.${quoteName(each)}`);
  const isSoft = options.deletes === 'soft';
  const back = isSoft ? [`${quoteName(deletedColumn)} = false`] : [];
  return [
    isSoft
      ? `UPDATE ${name} AS stored SET ${quoteName(deletedColumn)} = true, ${version} = staged.${version} FROM ${stage} AS staged WHERE ${gone}`
      : `DELETE FROM ${name} AS stored USING ${stage} AS staged WHERE ${gone}`,
    `INSERT INTO ${name} AS stored (${nameList(names)}) SELECT ${nameList(names)} FROM ${stage} AS staged WHERE NOT ${isDeleted} ` +
      `ON CONFLICT (${nameList(table.key)}) DO UPDATE SET ${[...sets, ...back].join(', ')} WHERE stored.${version} <= excluded.${version}`,
  ];
}

/** Deletes, or marks as deleted, what is older. */
export function sweepStatement(table: SinkTable, options: TableOptions, below: bigint): string {
  const name = tableName(options, table);
  const isOlder = `${quoteName(versionColumn)} < ${below}`;
  if (options.deletes === 'hard') return `DELETE FROM ${name} WHERE ${isOlder}`;
  const deleted = quoteName(deletedColumn);
  return `UPDATE ${name} SET ${deleted} = true WHERE ${isOlder} AND NOT ${deleted}`;
}
