import type { TableId } from '../../change/table-id.ts';
import {
  arrivalColumn,
  deletedColumn,
  type TableSchema,
  versionColumn,
} from '../../change/table-schema.ts';
import { quoteString } from '../../engine/sql-quote.ts';
import { odsDatabase, odsTable } from '../layer-names.ts';
import type { SqlEngine } from '../sql-engine.ts';
import type { Relation, TypedColumn } from './relation.ts';

/** The ODS tables as the engine has them. */
export interface OdsCatalog {
  relation(table: TableId): Relation | undefined;
  names(): Iterable<TableId>;
}

interface ColumnRow {
  readonly table: string;
  readonly name: string;
  readonly type: string;
  readonly is_in_sorting_key: number;
}

/** Reads all tables at once, or these; `schemas` gives the order of the key columns where it is known. */
export async function readOdsCatalog(
  engine: SqlEngine,
  schemas: ReadonlyMap<TableId, TableSchema>,
  only?: ReadonlySet<TableId>,
): Promise<OdsCatalog> {
  const names = only && [...only].map(quoteString).join(', ');
  const filter = names === undefined ? '' : ` AND table IN (${names})`;
  const rows = await engine.rows<ColumnRow>(
    `SELECT table, name, type, is_in_sorting_key FROM system.columns
     WHERE database = ${quoteString(odsDatabase)}${filter} ORDER BY table, position`,
  );
  const tables = new Map<TableId, ColumnRow[]>();
  for (const row of rows) {
    const columns = tables.get(row.table);
    if (columns === undefined) tables.set(row.table, [row]);
    else columns.push(row);
  }
  const relations = new Map(
    [...tables].map(([table, columns]) => {
      return [table, odsRelation(table, columns, schemas.get(table)?.key)] as const;
    }),
  );
  return { relation: (table) => relations.get(table), names: () => relations.keys() };
}

function odsRelation(
  table: TableId,
  rows: readonly ColumnRow[],
  keyOrder: readonly string[] | undefined,
): Relation {
  const hidden = [versionColumn, deletedColumn, arrivalColumn];
  const own = rows.filter(({ name }) => !hidden.includes(name));
  const columns = own.map(({ name, type }): TypedColumn => ({ name, type }));
  const sorting = own.filter((row) => Number(row.is_in_sorting_key) === 1).map(({ name }) => name);
  const key = (keyOrder ?? sorting).flatMap(
    (name) => columns.find((column) => column.name === name) ?? [],
  );
  const hasArrival = rows.some(({ name }) => name === arrivalColumn);
  return {
    name: table,
    kind: 'table',
    physical: odsTable(table),
    columns,
    key,
    changeColumn: hasArrival ? arrivalColumn : versionColumn,
  };
}
