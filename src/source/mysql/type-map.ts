import { createHash } from 'node:crypto';
import type { TableId } from '../../change/table-id.ts';
import type { Column, ColumnType } from '../../change/table-schema.ts';
import { CdcError } from '../../errors.ts';

/** What `information_schema.COLUMNS` says about one column. */
export interface ColumnRow {
  readonly name: string;
  /** DATA_TYPE, e.g. `decimal`. */
  readonly dataType: string;
  /** COLUMN_TYPE, e.g. `decimal(10,2) unsigned`. */
  readonly columnType: string;
  readonly nullable: boolean;
  /** NUMERIC_PRECISION and NUMERIC_SCALE; 0 for types without. */
  readonly precision: number;
  readonly scale: number;
  /** DATETIME_PRECISION: digits of the fraction of a second. */
  readonly fsp: number;
  readonly comment: string;
}

/** How dates and times are represented; see `temporal` in the project file. */
export type TemporalForm = 'native' | 'text';

/**
 * Source type -> column type, by DATA_TYPE. Both flavours in one table: MariaDB's JSON is an alias
 * of longtext and arrives here as that. tinyint(1) stays a number: values other than 0 and 1 exist.
 */
const typeByName: Readonly<Record<string, (row: ColumnRow, text: boolean) => ColumnType>> = {
  tinyint: (row) => integer(8, row),
  smallint: (row) => integer(16, row),
  mediumint: (row) => integer(32, row),
  int: (row) => integer(32, row),
  bigint: (row) => integer(64, row),
  float: () => ({ kind: 'float', bits: 32 }),
  double: () => ({ kind: 'float', bits: 64 }),
  decimal: (row) => ({ kind: 'decimal', precision: row.precision, scale: row.scale }),
  bit: () => ({ kind: 'bit' }),
  year: () => ({ kind: 'year' }),
  date: (_row, text) => ({ kind: 'date', ...(text && { text }) }),
  datetime: (row, text) => ({ kind: 'datetime', fsp: row.fsp, ...(text && { text }) }),
  timestamp: (row, text) => ({ kind: 'timestamp', fsp: row.fsp, ...(text && { text }) }),
  time: (row, text) => ({ kind: 'time', fsp: row.fsp, ...(text && { text }) }),
  json: () => ({ kind: 'json' }),
  ...sameType({ kind: 'string' }, [
    ...['char', 'varchar', 'tinytext', 'text', 'mediumtext', 'longtext'],
    ...['enum', 'set', 'uuid', 'inet4', 'inet6'],
  ]),
  ...sameType({ kind: 'binary' }, [
    ...['binary', 'varbinary', 'tinyblob', 'blob', 'mediumblob', 'longblob'],
  ]),
  ...sameType({ kind: 'geometry' }, [
    ...['geometry', 'point', 'linestring', 'polygon', 'multipoint', 'multilinestring'],
    ...['multipolygon', 'geometrycollection', 'geomcollection'],
  ]),
};

/** The column type, or undefined for a source type that cannot be represented (vector, and ones not known yet). */
export function columnTypeOf(row: ColumnRow, temporal: TemporalForm): ColumnType | undefined {
  return typeByName[row.dataType.toLowerCase()]?.(row, temporal === 'text');
}

/** The column as it stands in a table schema. Throws CDC_TYPE_UNSUPPORTED. */
export function columnOf(table: TableId, row: ColumnRow, temporal: TemporalForm): Column {
  const type = columnTypeOf(row, temporal);
  if (type === undefined) {
    throw new CdcError('CDC_TYPE_UNSUPPORTED', unsupportedTypeMessage(table, row), {
      details: { table, column: row.name, type: row.columnType },
      remedy: excludeRemedy(table),
    });
  }
  return {
    name: row.name,
    type,
    nullable: row.nullable,
    sourceType: row.columnType,
    ...(row.comment !== '' && { comment: row.comment }),
  };
}

export function unsupportedTypeMessage(table: TableId, row: ColumnRow): string {
  return `column ${row.name} of ${table} has the type ${row.columnType}, which cannot be captured`;
}

export function excludeRemedy(table: TableId): string {
  return `Exclude the table: add '!${table}' to source.tables.`;
}

/** A short hash of what decides row bytes: names, order, types, nullability and the key. */
export function schemaVersion(columns: readonly Column[], key: readonly string[]): string {
  const facts = columns.map(({ name, type, nullable }) => [
    name,
    Object.entries(type).sort(([left], [right]) => (left < right ? -1 : 1)),
    nullable,
  ]);
  return createHash('sha256')
    .update(JSON.stringify([facts, key]))
    .digest('hex')
    .slice(0, 12);
}

function integer(bits: 8 | 16 | 32 | 64, row: ColumnRow): ColumnType {
  // zerofill implies unsigned, and COLUMN_TYPE then says both.
  return { kind: 'int', bits, unsigned: / unsigned/i.test(row.columnType) };
}

function sameType(
  type: ColumnType,
  names: readonly string[],
): Record<string, (row: ColumnRow, text: boolean) => ColumnType> {
  return Object.fromEntries(names.map((name) => [name, () => type]));
}
