import { incompatibleTable } from '../sink-errors.ts';
import { deletedColumn, type SinkColumn, type SinkTable, versionColumn } from '../sink-table.ts';
import { nameList, quoteName, quoteText } from './sql-text.ts';
import type { FoundTable } from './table-catalog.ts';
import type { PostgresColumn, PostgresTypes } from './type-map.ts';
import { widens } from './widening.ts';

/** What PostgreSQL cuts names to, without an error. */
const maxNameBytes = 63;
const systemColumns = ['ctid', 'xmin', 'xmax', 'cmin', 'cmax', 'tableoid'];

/** How tables lie in the store. */
export interface TableOptions {
  readonly schema: string;
  readonly deletes: 'hard' | 'soft';
  readonly types: PostgresTypes;
  /** The store can give a column another type. */
  readonly canRetype: boolean;
}

/** A column as the store is to have it. */
interface WantedColumn {
  readonly name: string;
  readonly type: string;
  readonly isNotNull: boolean;
  readonly comment?: string;
  /** For the rows that are there already. */
  readonly preset?: string;
}

/** Quoted, with its schema. */
export function tableName({ schema }: Pick<TableOptions, 'schema'>, table: SinkTable): string {
  return `${quoteName(schema)}.${quoteName(table.target)}`;
}

/** How the table's columns lie in the store, in their order. */
export function storedColumns(
  table: SinkTable,
  { types }: Pick<TableOptions, 'types'>,
): (PostgresColumn & { column: SinkColumn })[] {
  return table.columns.map((column) => ({ ...types.stored(column), column }));
}

export interface PlanOptions {
  /** Columns of ours that may be dropped when the table no longer has them. */
  readonly mayDrop: readonly string[];
  /** Behind the closing parenthesis of CREATE TABLE: ` WITH (...)`. */
  readonly storage: string;
}

/**
 * Statements that make the store fit the table; pure. Columns of others are left alone. Throws CDC_SINK_INCOMPATIBLE where rows
 * could not be carried over.
 */
export function planStatements(
  table: SinkTable,
  found: FoundTable | undefined,
  options: TableOptions,
  { mayDrop, storage }: PlanOptions,
): string[] {
  assertNames(table);
  const wanted = wantedColumns(table, options);
  const name = tableName(options, table);
  if (found === undefined) {
    const columns = wanted.map((column) => `${quoteName(column.name)} ${definition(column)}`);
    const create = `CREATE TABLE ${name} (${columns.join(', ')}, PRIMARY KEY (${nameList(table.key)}))${storage}`;
    return [create, ...comments(name, table, wanted, undefined)];
  }
  assertOurs(table, found, options);
  const changes = [
    ...wanted.flatMap((column) => changeOf(table, column, found, options)),
    ...goneColumns(table, wanted, found, mayDrop),
  ];
  return [
    ...changes.map((change) => `ALTER TABLE ${name} ${change}`),
    ...comments(name, table, wanted, found),
  ];
}

function wantedColumns(table: SinkTable, options: TableOptions): WantedColumn[] {
  const own = storedColumns(table, options).map(({ column, type, takesNull = false }) => ({
    name: column.name,
    type,
    isNotNull: column.isKey || !(column.nullable || takesNull),
    ...(column.comment !== undefined && column.comment !== '' && { comment: column.comment }),
  }));
  const version = { name: versionColumn, type: 'bigint', isNotNull: true };
  if (options.deletes === 'hard') return [...own, version];
  const deleted = { name: deletedColumn, type: 'boolean', isNotNull: true, preset: 'false' };
  return [...own, version, deleted];
}

function definition({ type, isNotNull, preset }: WantedColumn): string {
  return `${type}${isNotNull ? ' NOT NULL' : ''}${preset === undefined ? '' : ` DEFAULT ${preset}`}`;
}

function changeOf(
  table: SinkTable,
  column: WantedColumn,
  found: FoundTable,
  { canRetype }: TableOptions,
): string[] {
  const { name, type } = column;
  const known = found.columns.get(name);
  if (known === undefined) {
    // Rows that are there have no value for it, so it takes NULL although the source's does not.
    const isFree = column.preset === undefined && found.hasRows;
    return [
      `ADD COLUMN ${quoteName(name)} ${definition({ ...column, isNotNull: column.isNotNull && !isFree })}`,
    ];
  }
  const changes: string[] = [];
  if (!widens(type, known.type)) {
    if (!canRetype || !widens(known.type, type)) {
      throw incompatibleTable(
        table.source,
        `its column ${name} is ${known.type} in the store and would have to be ${type}.`,
      );
    }
    changes.push(`ALTER COLUMN ${quoteName(name)} TYPE ${type}`);
  }
  if (known.isNotNull && !column.isNotNull) {
    changes.push(`ALTER COLUMN ${quoteName(name)} DROP NOT NULL`);
  }
  return changes;
}

function goneColumns(
  table: SinkTable,
  wanted: readonly WantedColumn[],
  found: FoundTable,
  mayDrop: readonly string[],
): string[] {
  const names = new Set(wanted.map(({ name }) => name));
  return [...found.columns].flatMap(([name, { isNotNull, isFilled }]) => {
    if (names.has(name)) return [];
    if (mayDrop.includes(name)) return [`DROP COLUMN ${quoteName(name)}`];
    if (!isNotNull || isFilled) return [];
    if (found.uniqueKeys.some((key) => key.includes(name))) {
      throw incompatibleTable(
        table.source,
        `column ${name} of the store is in a key and would be NULL.`,
      );
    }
    return [`ALTER COLUMN ${quoteName(name)} DROP NOT NULL`];
  });
}

function comments(
  name: string,
  table: SinkTable,
  wanted: readonly WantedColumn[],
  found: FoundTable | undefined,
): string[] {
  const own = table.comment ?? '';
  const ofTable =
    own === '' || own === found?.comment ? [] : [`COMMENT ON TABLE ${name} IS ${quoteText(own)}`];
  const ofColumns = wanted
    .filter(({ name: column, comment }) => {
      return comment !== undefined && comment !== found?.columns.get(column)?.comment;
    })
    .map(({ name: column, comment = '' }) => {
      return `COMMENT ON COLUMN ${name}.${quoteName(column)} IS ${quoteText(comment)}`;
    });
  return [...ofTable, ...ofColumns];
}

function assertNames(table: SinkTable): void {
  for (const name of [table.target, ...table.columns.map((column) => column.name)]) {
    if (Buffer.byteLength(name) <= maxNameBytes) continue;
    throw incompatibleTable(
      table.source,
      `the name ${name} is longer than ${maxNameBytes} bytes.`,
      {
        remedy: 'Rename it with `to` or `columns` in the overrides of the sink.',
      },
    );
  }
  const taken = [...systemColumns, versionColumn, deletedColumn];
  const clash = table.columns.find(({ name }) => taken.includes(name));
  if (clash === undefined) return;
  throw incompatibleTable(table.source, `the name ${clash.name} is taken in the store.`, {
    remedy: 'Rename the column with `columns` in the overrides of the sink.',
  });
}

function assertOurs(table: SinkTable, found: FoundTable, options: TableOptions): void {
  const key = [...table.key].sort().join('\n');
  if (!found.uniqueKeys.some((names) => [...names].sort().join('\n') === key)) {
    const why = `the store has no primary key or unique index on exactly ${table.key.join(', ')}.`;
    throw incompatibleTable(table.source, why);
  }
  if (found.hasRows && !found.columns.has(versionColumn)) {
    throw incompatibleTable(
      table.source,
      `the store has a table ${table.target} with rows that cdc has not written.`,
      { remedy: 'Empty it, or give the sink another name for the table (`naming`, `to`).' },
    );
  }
  if (options.deletes === 'hard' && found.columns.has(deletedColumn)) {
    throw incompatibleTable(
      table.source,
      'the table in the store was filled with `deletes: soft` and has rows that count as deleted.',
    );
  }
}
