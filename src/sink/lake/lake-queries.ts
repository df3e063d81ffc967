import { deletedColumn, versionColumn } from '../../change/table-schema.ts';
import { quoteIdentifier } from '../../engine/sql-quote.ts';
import type { SinkColumn } from '../sink-table.ts';
import type { ObjectStore } from './store/object-store.ts';
import type { DataFile, LakeSchema, LakeType } from './table-format.ts';
import { engineTypeOf } from './type-map.ts';

/** Statements about data files are as long as there are files. */
export const longStatement = { max_query_size: 1024 ** 3, max_ast_elements: 10_000_000 } as const;

/** Data files of any engine are the same, whatever its defaults are. */
export const parquetSettings = {
  ...longStatement,
  output_format_parquet_string_as_string: 1,
  output_format_parquet_compression_method: 'zstd',
} as const;

/** `_file` and the row's place in it, from 0. */
export const rowPlace = `_file AS file, assumeNotNull(toUInt32(_row_number)) AS pos`;

/** The same as a pair, for comparing. */
export const rowPlaceIn = '(_file, assumeNotNull(toUInt32(_row_number)))';

/** Rows of files as a table expression: columns that a file does not have are NULL, `_version` and `_deleted` 0 then. */
export function filesSql(
  store: ObjectStore,
  root: string,
  table: LakeSchema,
  files: readonly Pick<DataFile, 'name'>[],
): string {
  const columns = table.columns.map(
    ({ name, type }) => `${quoteIdentifier(name)} ${columnType(name, type, table)}`,
  );
  const structure = [...columns, `${versionColumn} Int64`, `${deletedColumn} Bool`].join(', ');
  return store.parquet(
    files.map(({ name }) => `${root}${name}`),
    structure,
  );
}

function columnType(name: string, type: LakeType, { key }: LakeSchema): string {
  return key.includes(name) ? engineTypeOf(type) : `Nullable(${engineTypeOf(type)})`;
}

/** The rows of a batch as a data file has them; columns that the lake has and the batch has not are left out. */
export function batchRows(columns: readonly SinkColumn[], select: string): string {
  const names = columns.map(({ name }) => quoteIdentifier(name));
  return (
    `SELECT ${names.join(', ')}, toInt64(${versionColumn}) AS ${versionColumn}, ` +
    `CAST(${deletedColumn}, 'Bool') AS ${deletedColumn} FROM (${select})`
  );
}

/** The columns of a data file that is written anew; `withoutValues`: columns whose values are not to be carried over. */
export function fileColumns(
  { columns }: LakeSchema,
  withoutValues: ReadonlySet<string> = new Set(),
): string {
  const names = columns
    .filter(({ name }) => !withoutValues.has(name))
    .map(({ name }) => quoteIdentifier(name));
  return [...names, versionColumn, deletedColumn].join(', ');
}

/** Deletions of the rows below a version, where the rows themselves cannot be declared dead. */
export function deletionsBelow(table: LakeSchema, survivors: string, below: bigint): string {
  const names = table.columns.map(({ name }) => quoteIdentifier(name)).join(', ');
  return (
    `SELECT ${names}, toInt64(${below - 1n}) AS ${versionColumn}, true AS ${deletedColumn} ` +
    `FROM (${survivors}) AS old WHERE old.${versionColumn} < ${below} AND NOT old.${deletedColumn}`
  );
}

/**
 * Rows that are dead once the added files are there: all but the newest version of each key in them, and deletions. Of equal versions
 * the one in the younger file wins, and file names begin with a growing number. Rows that were dead already take part, because a
 * deletion is one, too.
 */
export function deadAfterWrite(
  store: ObjectStore,
  root: string,
  table: LakeSchema,
  { files, added }: { files: readonly DataFile[]; added: readonly DataFile[] },
): string {
  const key = table.key.map(quoteIdentifier).join(', ');
  const written = filesSql(store, root, table, added);
  const place = `row_number() OVER (PARTITION BY ${key} ORDER BY ${versionColumn} DESC, _file DESC) AS place`;
  return (
    `SELECT file, pos FROM (SELECT ${rowPlace}, ${deletedColumn} AS gone, ${place} ` +
    `FROM ${filesSql(store, root, table, [...files, ...added])} ` +
    `WHERE (${key}) IN (SELECT ${key} FROM ${written})) WHERE place > 1 OR gone`
  );
}

/** Rows below a version. */
export function deadAfterSweep(
  store: ObjectStore,
  root: string,
  table: LakeSchema,
  files: readonly DataFile[],
  below: bigint,
): string {
  const rows = filesSql(store, root, table, files);
  return `SELECT ${rowPlace} FROM ${rows} WHERE ${versionColumn} < ${below}`;
}
