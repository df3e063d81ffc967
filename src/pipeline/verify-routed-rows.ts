import type { Column, TableSchema } from '../change/table-schema.ts';
import { clickhouseType } from '../engine/column-type.ts';
import { quoteIdentifier, quoteString } from '../engine/sql-quote.ts';
import type { PlannedColumn } from '../route/column-plan.ts';
import { columnsOf } from '../route/filter/parse-filter.ts';
import type { Router } from '../route/router.ts';
import { renderFilter } from './verify-filter.ts';

/** How rows of the source are compared with those of a table that rules have made of them. */
export interface RoutedRows {
  readonly source: TableSchema;
  /** Columns of a table that takes the source's rows as the server prints them. */
  readonly structure: string;
  /** A SELECT over such a table that gives the rows as they must be in the warehouse. */
  readonly select: (raw: string) => string;
  /** Values of the placeholders in the SELECT: salts do not belong into the text of a statement. */
  readonly params: Readonly<Record<string, string>>;
  /** The rows of the warehouse's table that come from this one; undefined: all. */
  readonly condition: string | undefined;
  /** Columns of the warehouse's key before those of the source's. */
  readonly keyOffset: number;
}

/** Why the table cannot be compared; undefined when it can. */
export function notComparable(router: Router, source: TableSchema): string | undefined {
  const { columns, filters, dropsUnmatched } = router.explain(source);
  if (dropsUnmatched) return 'route.lookup leaves rows out by the routes there were at their time';
  const hashed = columns
    .filter(({ action }) => action.kind === 'hash')
    .map(({ index }) => source.columns[index]?.name ?? '');
  const key = source.key.find((name) => hashed.includes(name));
  if (key !== undefined) return `its key column ${key} is hashed, so rows cannot be found again`;
  const filtered = filters.flatMap((filter) => [...columnsOf(filter)]);
  const both = filtered.find((name) => hashed.includes(name) && !isText(source, name));
  if (both === undefined) return undefined;
  return `column ${both} is hashed as text and filtered by its value`;
}

export function routedRows(router: Router, source: TableSchema, target: TableSchema): RoutedRows {
  const { columns, filters } = router.explain(source);
  const only = router.onlyOf(source.table);
  const actionOf = (name: string) =>
    columns.find(({ index }) => source.columns[index]?.name === name)?.action;
  const structure = source.columns.map((column) => {
    const isHashed = actionOf(column.name)?.kind === 'hash';
    const type = isHashed
      ? clickhouseType({ ...column, type: { kind: 'string' } })
      : clickhouseType(column);
    return `${quoteIdentifier(column.name)} ${type}`;
  });
  const expressions = target.columns.map((column) => {
    if (column.name === only?.column) return selectAs(quoteString(only.value), column);
    const planned = columns.find((each) => each.column.name === column.name);
    const from = planned && source.columns[planned.index];
    return selectAs(planned && from ? valueAfter(planned, from.nullable) : 'NULL', column);
  });
  // By other names: those after the rules may be those of other columns before them.
  const inner = source.columns.map(
    ({ name }, index) => `${quoteIdentifier(name)} AS ${placeOf(index)}`,
  );
  const where = filters.map((filter) => renderFilter(filter, source)).join(' AND ');
  return {
    source,
    structure: structure.join(', '),
    select: (raw) =>
      `SELECT ${expressions.join(', ')} FROM (SELECT ${inner.join(', ')} FROM ${raw}${where === '' ? '' : ` WHERE ${where}`})`,
    params: Object.fromEntries(columns.flatMap(saltOf)),
    condition: only && `${quoteIdentifier(only.column)} = ${quoteString(only.value)}`,
    keyOffset: only === undefined ? 0 : 1,
  };
}

function valueAfter({ index, action }: PlannedColumn, nullable: boolean): string {
  const column = placeOf(index);
  switch (action.kind) {
    case 'copy':
      return column;
    case 'mask': {
      const text = quoteString(action.text);
      return nullable ? `if(isNull(${column}), NULL, ${text})` : text;
    }
    case 'hash':
      return `lower(hex(SHA256(concat({${saltName(index)}:String}, ${column}))))`;
    case 'truncate':
      return `substringUTF8(${column}, 1, ${action.characters})`;
  }
}

function saltOf({ index, action }: PlannedColumn): [string, string][] {
  return action.kind === 'hash' ? [[saltName(index), action.salt.reveal()]] : [];
}

function saltName(index: number): string {
  return `salt${index}`;
}

/** Name of the source's column in the inner SELECT. */
function placeOf(index: number): string {
  return quoteIdentifier(` source ${index}`);
}

function selectAs(expression: string, column: Column): string {
  return `CAST(${expression} AS ${clickhouseType(column)}) AS ${quoteIdentifier(column.name)}`;
}

function isText({ columns }: TableSchema, name: string): boolean {
  return columns.find((column) => column.name === name)?.type.kind === 'string';
}
