import type { TableId } from '../../change/table-id.ts';
import { quoteIdentifier, quoteString } from '../../engine/sql-quote.ts';
import { quoteNames } from '../text/sql-text.ts';

/** A column with its type in the engine's words. */
export interface TypedColumn {
  readonly name: string;
  readonly type: string;
}

/**
 * Something a model reads: an ODS table or another model (or a hidden stage of one). All of them are
 * stored alike, as `ReplacingMergeTree(_version, _deleted)`.
 */
export interface Relation {
  /** `shop.orders`, `dwd.order_wide` or `dws.sales#rows`. */
  readonly name: TableId;
  readonly kind: 'table' | 'model';
  /** Quoted name of the table that holds the rows. */
  readonly physical: string;
  /** Of a model: quoted name of the table with its changes. */
  readonly delta?: string;
  /** Columns that a SELECT sees. */
  readonly columns: readonly TypedColumn[];
  /** Columns that identify a row, the leading ones of its sort order first; may be hidden ones. */
  readonly key: readonly TypedColumn[];
  /** Visible columns that identify a row as well, because the model declares them. */
  readonly unique?: readonly string[];
  /** Of a table: the column above the last published cut in rows that came after it. */
  readonly changeColumn?: string;
}

/** Names of our own inside statements; a model's output may not be called so. */
export const keyPrefix = '_key_';
export const hiddenPrefix = '_k_';
export const matchedName = '_matched';
export const buildColumn = '_build';
export const signColumn = '_sign';

/** Where the rows of a relation are read from, as a parenthesised query that gives `columns`. */
export interface ScanOptions {
  /** The name expressions in `where` know the relation by. */
  readonly alias: string;
  readonly columns: readonly TypedColumn[];
  readonly where?: string;
  /** In `where`, NULL is in a list that has NULL; as fast as an index is with plain columns only. */
  readonly isNullEqual?: boolean;
}

/** At the end of a SELECT, for it and those inside of it. */
export const nullIsEqual = ' SETTINGS transform_null_in = 1';

/** Current rows of a relation; its key is there a second time as `_key_1`, `_key_2`, ... */
export function renderScan(relation: Relation, options: ScanOptions): string {
  const where = options.where === undefined ? '' : ` WHERE ${options.where}`;
  const keys = relation.key.map(
    (column, index) => `${quoteIdentifier(column.name)} AS ${keyPrefix}${index + 1}`,
  );
  const list = [
    quoteNames(options.columns.map(({ name }) => name)),
    ...keys,
    `1 AS ${matchedName}`,
  ];
  const items = list.filter((item) => item !== '').join(', ');
  return `(SELECT ${items} FROM ${relation.physical} AS ${quoteIdentifier(options.alias)} FINAL${where}${options.isNullEqual ? nullIsEqual : ''})`;
}

/** Current rows of a relation, as a parenthesised query. */
export function renderRows({ physical, columns }: Relation): string {
  return `(SELECT ${quoteNames(columns.map(({ name }) => name))} FROM ${physical} FINAL)`;
}

/** The same columns without any rows: lets the engine judge a model before the tables exist. */
export function renderEmptyScan(relation: Relation, columns: readonly TypedColumn[]): string {
  const keys = relation.key.map(({ type }, index) => ({ name: `${keyPrefix}${index + 1}`, type }));
  const all = [...columns, ...keys, { name: matchedName, type: 'UInt8' }];
  return renderEmptyTable(all);
}

export function renderEmptyTable(columns: readonly TypedColumn[]): string {
  const structure = columns.map(({ name, type }) => `${quoteIdentifier(name)} ${type}`).join(', ');
  return `null(${quoteString(structure)})`;
}

/** Appended to `*`: hides what `renderScan` adds. */
export function starWithoutKeys(relations: readonly Relation[]): string {
  const width = Math.max(...relations.map((relation) => relation.key.length));
  const keys = Array.from({ length: width }, (_, index) => `${keyPrefix}${index + 1}`);
  return ` EXCEPT (${[...keys, matchedName].join(', ')})`;
}

export function isNullable(type: string): boolean {
  return /^(LowCardinality\()?Nullable\(/.test(type);
}

/**
 * Expressions whose tuple is equal exactly when all values are equal or both NULL, which IN alone does
 * not give: a nullable value becomes (value or default, is it NULL).
 */
export function nullSafe(expression: string, type: string): string[] {
  if (!isNullable(type)) return [expression];
  const plain = type.startsWith('LowCardinality(')
    ? `LowCardinality(${type.slice('LowCardinality(Nullable('.length, -2)})`
    : type.slice('Nullable('.length, -1);
  const filler = `defaultValueOfTypeName(${quoteString(plain)})`;
  return [`ifNull(${expression}, ${filler})`, `isNull(${expression})`];
}
