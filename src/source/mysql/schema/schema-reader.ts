import { splitTableId, type TableId, tableIdOf } from '../../../change/table-id.ts';
import { parseTablePatterns } from '../../../change/table-pattern.ts';
import type { Column, TableSchema } from '../../../change/table-schema.ts';
import { CdcError } from '../../../errors.ts';
import type { MysqlSession } from '../connection.ts';
import type { MysqlSourceOptions } from '../options.ts';
import {
  type ColumnRow,
  columnOf,
  columnTypeOf,
  schemaVersion,
  type TemporalForm,
} from '../type-map.ts';
import { addedColumnDefault, type DefaultRow } from './column-default.ts';
import { chooseKey, type IndexColumnRow, type TableKey } from './table-key.ts';

/** A table as `information_schema` describes it now; what cannot be captured is still in here. */
export interface TableDescription {
  readonly table: TableId;
  /** e.g. `InnoDB`; empty for a broken table. */
  readonly engine: string;
  /** MariaDB's system-versioned tables log a delete as an update. */
  readonly systemVersioned: boolean;
  readonly comment: string;
  /** From the server's statistics. */
  readonly estimatedRows: number;
  readonly columns: readonly ColumnDescription[];
  /** Undefined: the table cannot be captured. Without an index it comes from `overrides`. */
  readonly key: TableKey | undefined;
  readonly temporal: TemporalForm;
}

export interface ColumnDescription extends ColumnRow, DefaultRow {
  /** Character set and collation of text columns; empty otherwise. */
  readonly charset: string;
  readonly collation: string;
}

/** A schema with what reading the table and changing the warehouse need beside it. */
export interface SourceTable {
  readonly schema: TableSchema;
  readonly description: TableDescription;
  /** By column name: the value in old rows when the column was added; see `addedColumnDefault`. */
  readonly defaults: Readonly<Record<string, string>>;
}

const systemSchemas = ['mysql', 'information_schema', 'performance_schema', 'sys'];

/** Reads what the source's tables look like now, always from `information_schema`. */
export class SchemaReader {
  readonly #options: MysqlSourceOptions;
  readonly #flavour: 'mysql' | 'mariadb';

  constructor(options: MysqlSourceOptions, flavour: 'mysql' | 'mariadb') {
    this.#options = options;
    this.#flavour = flavour;
  }

  /** All tables that the patterns match, sorted by id, in three statements whatever their number. */
  async describeAll(session: MysqlSession): Promise<TableDescription[]> {
    const matcher = parseTablePatterns(this.#options.tables);
    const tables = await session.rows<TableRow>(
      `${tablesQuery} WHERE TABLE_SCHEMA NOT IN (?) AND ${isBaseTable}`,
      [systemSchemas],
    );
    const matched = tables.filter((row) => matcher.matches(tableIdOf(row.database, row.name)));
    if (matched.length === 0) return [];
    const databases = [...new Set(matched.map((row) => row.database))];
    return this.#describe(session, matched, 'TABLE_SCHEMA IN (?)', [databases]);
  }

  /** One table, or undefined when there is no such table. */
  async describe(session: MysqlSession, table: TableId): Promise<TableDescription | undefined> {
    const { database, table: name } = splitTableId(table);
    const where = 'TABLE_SCHEMA = ? AND TABLE_NAME = ?';
    const rows = await session.rows<TableRow>(`${tablesQuery} WHERE ${where} AND ${isBaseTable}`, [
      database,
      name,
    ]);
    return (await this.#describe(session, rows, where, [database, name]))[0];
  }

  /** The schema of a description. Throws CDC_TYPE_UNSUPPORTED or CDC_TABLE_NO_PRIMARY_KEY. */
  toSourceTable(description: TableDescription): SourceTable {
    const { table, key, comment, temporal } = description;
    const columns = description.columns.map((row) => columnOf(table, row, temporal));
    if (key === undefined) throw noKey(table);
    const unknown = key.columns.find((name) => !columns.some((column) => column.name === name));
    if (unknown !== undefined) throw unknownKeyColumn(table, unknown);
    const schema: TableSchema = {
      table,
      version: schemaVersion(columns, key.columns),
      columns,
      key: key.columns,
      ...(comment !== '' && { comment }),
    };
    return { schema, description, defaults: this.#defaultsOf(columns, description) };
  }

  #defaultsOf(columns: readonly Column[], description: TableDescription): Record<string, string> {
    const defaults: Record<string, string> = {};
    for (const [index, column] of columns.entries()) {
      const row = description.columns[index];
      const literal = row && addedColumnDefault(column, row, this.#flavour);
      if (literal !== undefined) defaults[column.name] = literal;
    }
    return defaults;
  }

  async #describe(
    session: MysqlSession,
    tables: readonly TableRow[],
    where: string,
    values: readonly unknown[],
  ): Promise<TableDescription[]> {
    const columns = groupByTable(
      await session.rows<RawColumnRow>(
        `${columnsQuery} WHERE ${where} ORDER BY TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION`,
        values,
      ),
    );
    const indexes = groupByTable(
      await session.rows<IndexColumnRow & TableName>(
        `${indexesQuery} WHERE ${where} AND NON_UNIQUE = 0 ORDER BY TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX`,
        values,
      ),
    );
    return tables
      .map((row) => {
        const table = tableIdOf(row.database, row.name);
        return this.#description(row, columns.get(table) ?? [], indexes.get(table) ?? []);
      })
      .sort((left, right) => (left.table < right.table ? -1 : 1));
  }

  #description(
    row: TableRow,
    rawColumns: readonly RawColumnRow[],
    indexes: readonly IndexColumnRow[],
  ): TableDescription {
    const table = tableIdOf(row.database, row.name);
    const columns = rawColumns.map(columnDescriptionOf);
    const { temporal, key } = this.#settingsOf(table);
    const nullable = new Set(columns.filter((column) => column.nullable).map(({ name }) => name));
    const indexed = chooseKey(indexes, nullable);
    const isIndexed = key === undefined || key.join('\0') === indexed?.columns.join('\0');
    return {
      table,
      engine: row.engine ?? '',
      systemVersioned: /versioned/i.test(row.type),
      comment: row.comment,
      estimatedRows: Number(row.estimatedRows ?? 0),
      columns,
      key: isIndexed ? indexed : { columns: key, index: '' },
      temporal,
    };
  }

  #settingsOf(table: TableId): { temporal: TemporalForm; key?: readonly string[] } {
    let settings: { temporal: TemporalForm; key?: readonly string[] } = {
      temporal: this.#options.temporal,
    };
    for (const { tables, temporal, key } of this.#options.overrides) {
      if (!parseTablePatterns([tables]).matches(table)) continue;
      settings = { ...settings, ...(temporal && { temporal }), ...(key && { key }) };
    }
    return settings;
  }
}

/** Column names of a description whose type cannot be represented. */
export function unsupportedColumns(description: TableDescription): ColumnDescription[] {
  return description.columns.filter(
    (column) => columnTypeOf(column, description.temporal) === undefined,
  );
}

export function noKey(table: TableId): CdcError {
  return new CdcError(
    'CDC_TABLE_NO_PRIMARY_KEY',
    `${table} has neither a primary key nor a unique key over NOT NULL columns`,
    {
      details: { table },
      remedy: `ALTER TABLE ${table} ADD PRIMARY KEY (...), or name its key under source.overrides, or exclude it: '!${table}'.`,
    },
  );
}

function unknownKeyColumn(table: TableId, name: string): CdcError {
  return new CdcError('CDC_TABLE_NO_PRIMARY_KEY', `${table} has no column ${name} to be its key`, {
    details: { table, column: name },
    remedy: 'Correct `key` under source.overrides in the project file.',
  });
}

interface TableName {
  readonly database: string;
  readonly name: string;
}

interface TableRow extends TableName {
  readonly engine: string | null;
  readonly type: string;
  readonly comment: string;
  readonly estimatedRows: number | string | null;
}

interface RawColumnRow extends TableName, DefaultRow {
  readonly columnName: string;
  readonly dataType: string;
  readonly columnType: string;
  readonly isNullable: string;
  readonly numericPrecision: number | string | null;
  readonly numericScale: number | string | null;
  readonly fsp: number | string | null;
  readonly comment: string;
  readonly charset: string | null;
  readonly collation: string | null;
}

// Aliases everywhere: MySQL 8 gives these columns in upper case whatever the statement says.
const tablesQuery = `SELECT TABLE_SCHEMA AS \`database\`, TABLE_NAME AS name, ENGINE AS engine, TABLE_TYPE AS type,
  TABLE_COMMENT AS comment, TABLE_ROWS AS estimatedRows FROM information_schema.TABLES`;
const isBaseTable = `TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED')`;
const columnsQuery = `SELECT TABLE_SCHEMA AS \`database\`, TABLE_NAME AS name, COLUMN_NAME AS columnName,
  DATA_TYPE AS dataType, COLUMN_TYPE AS columnType, IS_NULLABLE AS isNullable, COLUMN_COMMENT AS comment,
  NUMERIC_PRECISION AS numericPrecision, NUMERIC_SCALE AS numericScale, DATETIME_PRECISION AS fsp,
  COLUMN_DEFAULT AS columnDefault, EXTRA AS extra, CHARACTER_SET_NAME AS charset,
  COLLATION_NAME AS \`collation\` FROM information_schema.COLUMNS`;
const indexesQuery = `SELECT TABLE_SCHEMA AS \`database\`, TABLE_NAME AS name, INDEX_NAME AS indexName,
  COLUMN_NAME AS columnName, SUB_PART AS prefix, INDEX_TYPE AS type FROM information_schema.STATISTICS`;

function columnDescriptionOf(row: RawColumnRow): ColumnDescription {
  return {
    name: row.columnName,
    dataType: row.dataType,
    columnType: row.columnType,
    nullable: row.isNullable === 'YES',
    precision: Number(row.numericPrecision ?? 0),
    scale: Number(row.numericScale ?? 0),
    fsp: Number(row.fsp ?? 0),
    comment: row.comment,
    columnDefault: row.columnDefault,
    extra: row.extra,
    charset: row.charset ?? '',
    collation: row.collation ?? '',
  };
}

function groupByTable<T extends TableName>(rows: readonly T[]): Map<TableId, T[]> {
  const groups = new Map<TableId, T[]>();
  for (const row of rows) {
    const table = tableIdOf(row.database, row.name);
    const group = groups.get(table);
    if (group) group.push(row);
    else groups.set(table, [row]);
  }
  return groups;
}
