import type { SchemaSection } from '../../change/change-batch.ts';
import { splitTableId, type TableId } from '../../change/table-id.ts';
import {
  arrivalColumn,
  type Column,
  deletedColumn,
  type TableSchema,
  versionColumn,
} from '../../change/table-schema.ts';
import { clickhouseType, isWidening } from '../../engine/column-type.ts';
import { quoteIdentifier, quoteString } from '../../engine/sql-quote.ts';
import { CdcError } from '../../errors.ts';

export const odsDatabase = '_ods';

/** Tokens remembered per table: far more batches than are ever sent again. */
const rememberedTokens = 1_000;

/**
 * Layers read single keys all over a table. With the usual 8192 rows a mark, and blocks compressed by 64 KB, a thousand keys
 * cost as much as reading everything; with these a tenth, for a load that is 6 % slower and 8 % more disk.
 */
const readingSettings = 'index_granularity = 512, min_compress_block_size = 4096';
/** Of the indexes by which new rows are found: 8192 rows each. */
const marksPerRange = 16;

/** A table as the engine has it. */
export interface ExistingTable {
  readonly comment: string;
  readonly columns: readonly ExistingColumn[];
}

export interface ExistingColumn {
  readonly name: string;
  readonly type: string;
  readonly comment: string;
  readonly isKey: boolean;
}

/**
 * The statements that make the ODS table and its view fit a schema, in order. Each may be repeated:
 * after a crash between two of them the plan made from the table as it then is ends the same.
 * Throws CDC_SCHEMA_INCOMPATIBLE when rows that exist cannot be carried over.
 *
 * Columns that appear are added before the view names them, columns that go are dropped after.
 */
export function planSchema(existing: ExistingTable | undefined, section: SchemaSection): string[] {
  const { table, schema, existingRows } = section;
  assertNoReservedColumn(schema);
  const shadow = physicalTable(`${table}~rebuild`);
  const databases = [odsDatabase, splitTableId(table).database];
  const prepare = databases.map((name) => `CREATE DATABASE IF NOT EXISTS ${quoteIdentifier(name)}`);
  const cleanUp = `DROP TABLE IF EXISTS ${shadow} SYNC`;
  const view = createView(schema);
  if (existing === undefined) return [...prepare, createTable(physicalTable(table), schema), view];
  if (existingRows === 'resnapshot') {
    return [
      ...prepare,
      cleanUp,
      createTable(physicalTable(table), schema, { replace: true }),
      view,
    ];
  }
  const change = compare(existing, section);
  if (change.needsRebuild) {
    const own = ownColumns(schema).filter((name) =>
      existing.columns.some((each) => each.name === name),
    );
    const copied = change.kept.map(({ name }) => name).concat(own);
    const names = copied.map(quoteIdentifier).join(', ');
    return [
      ...prepare,
      cleanUp,
      createTable(shadow, schema, { defaults: section.defaults }),
      `INSERT INTO ${shadow} (${names}) SELECT ${names} FROM ${physicalTable(table)}`,
      `EXCHANGE TABLES ${physicalTable(table)} AND ${shadow}`,
      view,
      cleanUp,
    ];
  }
  return [
    ...prepare,
    cleanUp,
    ...alter(table, [...change.added, ...change.modified, ...change.commented]),
    view,
    ...alter(table, change.dropped),
  ];
}

/** Columns that the source does not have. */
function ownColumns({ arrival }: TableSchema): string[] {
  return [versionColumn, deletedColumn, ...(arrival ? [arrivalColumn] : [])];
}

/**
 * Deletes rows older than `{version:UInt64}`, of those whose column `only` is `{only:String}` when it is
 * given: writes a deleted row of that version for each key whose current row is older, with the arrival
 * `{arrival:UInt64}` where the table has arrivals. Repeated, it finds nothing left; a row that came after
 * it wins.
 */
export function deleteOlder(
  table: TableId,
  { only, hasArrival }: { readonly only?: string | undefined; readonly hasArrival?: boolean } = {},
): string {
  const target = physicalTable(table);
  const arrival = hasArrival ? `, {arrival:UInt64} AS ${arrivalColumn}` : '';
  const condition = only === undefined ? '' : ` AND ${quoteIdentifier(only)} = {only:String}`;
  return (
    `INSERT INTO ${target} SELECT * REPLACE ({version:UInt64} AS ${versionColumn}, 1 AS ${deletedColumn}${arrival}) ` +
    `FROM (SELECT * FROM ${target} FINAL WHERE ${versionColumn} < {version:UInt64}${condition})`
  );
}

/** `_ods`.`shop.orders`: one table whose name contains the dot. */
export function physicalTable(table: TableId): string {
  return `${quoteIdentifier(odsDatabase)}.${quoteIdentifier(table)}`;
}

function createTable(
  target: string,
  schema: TableSchema,
  options: { replace?: boolean; defaults?: SchemaSection['defaults'] } = {},
): string {
  const columns = schema.columns.map((column) => defineColumn(column, options.defaults));
  // The newest rows lie in the newest parts: the index lets a read of "everything since" skip the rest.
  const own = [
    `${versionColumn} UInt64`,
    `${deletedColumn} UInt8`,
    ...(schema.arrival ? [arrivalDefinition, arrivalIndex] : []),
    `INDEX _version_range ${versionColumn} TYPE minmax GRANULARITY ${marksPerRange}`,
  ];
  return [
    `CREATE ${options.replace ? 'OR REPLACE TABLE' : 'TABLE IF NOT EXISTS'} ${target}`,
    `(${[...columns, ...own].join(', ')})`,
    `ENGINE = ReplacingMergeTree(${versionColumn}, ${deletedColumn})`,
    `ORDER BY (${schema.key.map(quoteIdentifier).join(', ')})`,
    `SETTINGS non_replicated_deduplication_window = ${rememberedTokens}, ${readingSettings}`,
    `COMMENT ${quoteString(schema.comment ?? '')}`,
  ].join(' ');
}

const arrivalDefinition = `${arrivalColumn} UInt64`;
const arrivalIndexName = '_arrival_range';
const arrivalIndex = `INDEX ${arrivalIndexName} ${arrivalColumn} TYPE minmax GRANULARITY ${marksPerRange}`;

function createView(schema: TableSchema): string {
  const { database, table } = splitTableId(schema.table);
  const columns = schema.columns.map(({ name }) => quoteIdentifier(name)).join(', ');
  return (
    `CREATE OR REPLACE VIEW ${quoteIdentifier(database)}.${quoteIdentifier(table)} AS ` +
    `SELECT ${columns} FROM ${physicalTable(schema.table)} FINAL`
  );
}

function defineColumn(column: Column, defaults: SchemaSection['defaults']): string {
  const literal = defaults?.[column.name];
  const parts = [quoteIdentifier(column.name), clickhouseType(column)];
  if (literal !== undefined && literal !== 'NULL') parts.push(`DEFAULT ${checkLiteral(literal)}`);
  if (column.comment) parts.push(`COMMENT ${quoteString(column.comment)}`);
  return parts.join(' ');
}

interface Changes {
  readonly needsRebuild: boolean;
  readonly kept: readonly Column[];
  /** Clauses of ALTER TABLE. */
  readonly added: readonly string[];
  readonly modified: readonly string[];
  readonly commented: readonly string[];
  readonly dropped: readonly string[];
}

function compare(existing: ExistingTable, section: SchemaSection): Changes {
  const { schema, defaults, table } = section;
  const before = new Map(existing.columns.map((column) => [column.name, column]));
  const after = new Set([...schema.columns.map(({ name }) => name), ...ownColumns(schema)]);
  const isArriving = schema.arrival && !before.has(arrivalColumn);
  const noLonger = !schema.arrival && before.has(arrivalColumn);
  assertSameKey(existing, schema);
  const kept = schema.columns.filter(({ name }) => before.has(name));
  const added = schema.columns.filter(({ name }) => !before.has(name));
  const retyped = kept.filter((column) => before.get(column.name)?.type !== clickhouseType(column));
  for (const column of retyped) assertWidening(table, column, before.get(column.name)?.type ?? '');
  for (const column of added) assertHasDefault(table, column, defaults);
  return {
    // The type of a key column cannot be altered in place.
    needsRebuild: retyped.some(({ name }) => before.get(name)?.isKey),
    kept,
    added: [
      ...added.map((column) => `ADD COLUMN ${defineColumn(column, defaults)}`),
      ...(isArriving ? [`ADD COLUMN ${arrivalDefinition}`, `ADD ${arrivalIndex}`] : []),
    ],
    modified: retyped.map(
      (each) => `MODIFY COLUMN ${quoteIdentifier(each.name)} ${clickhouseType(each)}`,
    ),
    commented: [
      ...kept
        .filter(({ name, comment }) => before.get(name)?.comment !== (comment ?? ''))
        .map(
          ({ name, comment }) =>
            `COMMENT COLUMN ${quoteIdentifier(name)} ${quoteString(comment ?? '')}`,
        ),
      ...(existing.comment === (schema.comment ?? '')
        ? []
        : [`MODIFY COMMENT ${quoteString(schema.comment ?? '')}`]),
    ],
    dropped: [
      ...(noLonger ? [`DROP INDEX ${arrivalIndexName}`] : []),
      ...existing.columns
        .filter(({ name }) => !after.has(name))
        // Layers may have a projection to look rows up by the column (`layers/lookups.ts`).
        .flatMap(({ name }) => [
          `DROP PROJECTION IF EXISTS ${quoteIdentifier(`_by_${name}`)}`,
          `DROP COLUMN ${quoteIdentifier(name)}`,
        ]),
    ],
  };
}

function alter(table: TableId, clauses: readonly string[]): string[] {
  return clauses.length === 0 ? [] : [`ALTER TABLE ${physicalTable(table)} ${clauses.join(', ')}`];
}

function assertSameKey(existing: ExistingTable, schema: TableSchema): void {
  const before = existing.columns.filter(({ isKey }) => isKey).map(({ name }) => name);
  if (before.sort().join('\0') === [...schema.key].sort().join('\0')) return;
  throw incompatible(
    schema.table,
    `its key was (${before.join(', ')}) and is now (${schema.key.join(', ')})`,
  );
}

function assertWidening(table: TableId, column: Column, before: string): void {
  const after = clickhouseType(column);
  if (isWidening(before, after)) return;
  throw incompatible(
    table,
    `column ${column.name} is ${before} and cannot become ${after} with its rows kept`,
  );
}

/** Rows from before need a value: NULL, a literal, or the empty value that SQL gives numbers and text. */
function assertHasDefault(
  table: TableId,
  column: Column,
  defaults: SchemaSection['defaults'],
): void {
  if (column.nullable || defaults?.[column.name] !== undefined) return;
  if (/^(U?Int|Float|Decimal|String)/.test(clickhouseType(column))) return;
  throw incompatible(
    table,
    `column ${column.name} was added and its value in earlier rows is not known`,
  );
}

function assertNoReservedColumn(schema: TableSchema): void {
  const own = [versionColumn, deletedColumn, arrivalColumn];
  const reserved = schema.columns.find(({ name }) => own.includes(name));
  if (reserved !== undefined) {
    throw incompatible(
      schema.table,
      `its column ${reserved.name} has a name of the warehouse’s own`,
    );
  }
}

/** A literal comes from the source's schema: nothing but NULL, a number or quoted text may become SQL. */
function checkLiteral(literal: string): string {
  if (/^(-?\d+(\.\d+)?(e[-+]?\d+)?|'([^'\\]|\\.)*')$/is.test(literal)) return literal;
  throw new CdcError('CDC_INTERNAL', `Not a literal: ${literal}`);
}

export function incompatible(
  table: TableId,
  why: string,
  { remedy = `Load the table anew: cdc init --tables ${table}` } = {},
): CdcError {
  return new CdcError('CDC_SCHEMA_INCOMPATIBLE', `Loading ${table}: ${why}.`, {
    details: { table },
    remedy,
  });
}
