import { isWidening } from '../../engine/column-type.ts';
import { quoteIdentifier, quoteString } from '../../engine/sql-quote.ts';
import { incompatibleTable } from '../sink-errors.ts';
import { deletedColumn, type SinkTable, versionColumn } from '../sink-table.ts';
import {
  createTable,
  createTarget,
  createView,
  type DdlContext,
  defineColumn,
  distributed,
  onCluster,
} from './create-table.ts';
import { quoted } from './place.ts';
import { storedType } from './type-map.ts';

/** A table as the store has it. */
export interface ExistingTable {
  readonly comment: string;
  readonly columns: readonly ExistingColumn[];
  /** Columns of the view that people read, if it is there. */
  readonly view: readonly NamedType[];
  /** Columns of what is written and read: on a cluster another table than the one that holds the rows. */
  readonly whole: readonly NamedType[];
}

export interface NamedType {
  readonly name: string;
  readonly type: string;
}

export interface ExistingColumn extends NamedType {
  readonly comment: string;
  readonly isKey: boolean;
}

const own: readonly string[] = [versionColumn, deletedColumn];

/**
 * The statements that make the store fit a table, in order; none when it does. After a crash between two of them the plan made
 * from the table as it then is ends the same. Columns that appear are added before the view names them, columns that go are
 * dropped after. Throws CDC_SINK_INCOMPATIBLE when rows cannot be carried over.
 */
export function planTarget(
  existing: ExistingTable | undefined,
  table: SinkTable,
  { drop, ...context }: DdlContext & { readonly drop: boolean },
): string[] {
  assertNoOwnColumn(table);
  if (existing === undefined) {
    const names = table.columns.map(({ name }) => name);
    return [...createTarget(table, context), createView(names, context)];
  }
  const change = compare(existing, table, { ...context, drop });
  if (change.retypedKey) return rebuild(existing, table, { ...context, drop });
  const names = change.columns.map(({ name }) => name);
  const dropped = drop ? change.gone.map(({ name }) => `DROP COLUMN ${quoteIdentifier(name)}`) : [];
  const isShown = isSame(existing.view, change.columns) && change.altered.length === 0;
  const isWhole = isSame(existing.whole, [...change.columns, ...(drop ? change.gone : [])]);
  return [
    ...alter(change.altered, context),
    ...(isWhole && change.altered.length === 0 ? [] : distributed(table, context)),
    ...(isShown ? [] : [createView(names, context)]),
    ...alter(dropped, context),
    ...(dropped.length === 0 ? [] : distributed(table, context)),
  ];
}

function alter(clauses: readonly string[], { place, cluster }: DdlContext): string[] {
  if (clauses.length === 0) return [];
  return [`ALTER TABLE ${quoted(place.local)}${onCluster(cluster)} ${clauses.join(', ')}`];
}

function compare(
  existing: ExistingTable,
  table: SinkTable,
  { types, drop }: DdlContext & { readonly drop: boolean },
) {
  assertSameKey(existing, table);
  const before = new Map(existing.columns.map((column) => [column.name, column]));
  const after = new Set(table.columns.map(({ name }) => name));
  const added = table.columns.filter(({ name }) => !before.has(name));
  const kept = table.columns.flatMap((column) => {
    const found = before.get(column.name);
    return found === undefined ? [] : [{ column, found, type: storedType(column, types) }];
  });
  // A column that is wider in the store than it has to be takes the values as well.
  const retyped = kept.filter(({ found, type }) => !isWidening(type, found.type));
  for (const { column, found, type } of retyped) {
    if (isWidening(found.type, type)) continue;
    const why = `its column ${column.name} is ${found.type} and cannot become ${type} with its rows kept.`;
    throw incompatibleTable(table.source, why);
  }
  const commented = kept.filter(({ column, found }) => found.comment !== (column.comment ?? ''));
  const gone = existing.columns.filter(({ name }) => !after.has(name) && !own.includes(name));
  // New rows have NULL in columns that stay without being filled.
  const loosened = drop ? [] : gone.filter(({ type }) => !type.startsWith('Nullable('));
  const isRetyped = new Set(retyped.map(({ column }) => column.name));
  return {
    altered: [
      ...added.map((column) => `ADD COLUMN ${defineColumn(column, types)}`),
      ...retyped.map(({ column, type }) => `MODIFY COLUMN ${quoteIdentifier(column.name)} ${type}`),
      ...loosened.map(
        ({ name, type }) => `MODIFY COLUMN ${quoteIdentifier(name)} Nullable(${type})`,
      ),
      ...commented.map(
        ({ column }) =>
          `COMMENT COLUMN ${quoteIdentifier(column.name)} ${quoteString(column.comment ?? '')}`,
      ),
      ...(existing.comment === (table.comment ?? '')
        ? []
        : [`MODIFY COMMENT ${quoteString(table.comment ?? '')}`]),
    ],
    gone,
    // The type of a key column cannot be altered in place.
    retypedKey: retyped.some(({ found }) => found.isKey),
    /** As they will be. */
    columns: [
      ...table.columns.map((column) => {
        const found = isRetyped.has(column.name) ? undefined : before.get(column.name);
        return { name: column.name, type: found?.type ?? storedType(column, types) };
      }),
      ...(drop ? [] : gone).map(({ name, type }) => ({
        name,
        type: type.startsWith('Nullable(') ? type : `Nullable(${type})`,
      })),
    ],
  };
}

function isSame(found: readonly NamedType[], wanted: readonly NamedType[]): boolean {
  const text = (columns: readonly NamedType[]) =>
    columns
      .filter(({ name }) => !own.includes(name))
      .map(({ name, type }) => `${name} ${type}`)
      .sort()
      .join('\0');
  return text(found) === text(wanted);
}

/** All rows into a new table, which takes the place of the old one at once. */
function rebuild(
  existing: ExistingTable,
  table: SinkTable,
  { drop, ...context }: DdlContext & { readonly drop: boolean },
): string[] {
  const { place, cluster } = context;
  const names = new Set([...table.columns.map(({ name }) => name), ...own]);
  const copied = existing.columns.filter(({ name }) => names.has(name));
  const isWhole = copied.length === existing.columns.length;
  // On a cluster the hash of the key, and so the shard of each row, depends on the type.
  if (cluster !== undefined || !(drop || isWhole)) {
    const why = 'the type of its key has changed, and its rows cannot be carried over.';
    throw incompatibleTable(table.source, why);
  }
  const shadow = quoted({ ...place.local, table: `${place.local.table}~rebuild` });
  const cleanUp = `DROP TABLE IF EXISTS ${shadow} SYNC`;
  const list = copied.map(({ name }) => quoteIdentifier(name)).join(', ');
  const shown = table.columns.map(({ name }) => name);
  return [
    cleanUp,
    createTable(shadow, table, context),
    `INSERT INTO ${shadow} (${list}) SELECT ${list} FROM ${quoted(place.local)}`,
    `EXCHANGE TABLES ${quoted(place.local)} AND ${shadow}`,
    createView(shown, context),
    cleanUp,
  ];
}

function assertSameKey({ columns }: ExistingTable, { source, key }: SinkTable): void {
  const before = columns.filter(({ isKey }) => isKey).map(({ name }) => name);
  if ([...before].sort().join('\0') === [...key].sort().join('\0')) return;
  throw incompatibleTable(
    source,
    `its key in the store is (${before.join(', ')}) and is to be (${key.join(', ')}).`,
  );
}

function assertNoOwnColumn({ source, columns }: SinkTable): void {
  const found = columns.find(({ name }) => own.includes(name));
  if (found === undefined) return;
  throw incompatibleTable(source, `its column ${found.name} has a name of the sink’s own.`, {
    remedy: `Rename it in the sink: columns: {other_name: ${found.name}}.`,
  });
}
