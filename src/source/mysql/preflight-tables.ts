import { splitTableId, tableIdOf } from '../../change/table-id.ts';
import { parseTablePatterns } from '../../change/table-pattern.ts';
import { deletedColumn, versionColumn } from '../../change/table-schema.ts';
import type { ErrorCode, Problem } from '../../errors.ts';
import type { MysqlSession } from './connection.ts';
import type { MysqlSourceOptions } from './options.ts';
import { type TableDescription, unsupportedColumns } from './schema/schema-reader.ts';
import { isAtLeast, type ServerInfo } from './server-info.ts';
import { excludeRemedy, unsupportedTypeMessage } from './type-map.ts';

/** Databases of these names exist in the warehouse already, for its own purposes. */
const reservedDatabases = new Set([
  ...['dwd', 'dws', 'ads', '_ods', '_layers'],
  ...['system', 'default', 'information_schema'],
]);

/** What about the tables themselves keeps them from being captured, or makes it less than exact. */
export async function checkTables(
  session: MysqlSession,
  server: ServerInfo,
  options: MysqlSourceOptions,
  tables: readonly TableDescription[],
): Promise<Problem[]> {
  return [
    ...checkPatterns(options, tables),
    ...checkDatabases(tables),
    ...tables.flatMap((table) => checkTable(table)),
    ...(await checkCascades(session, server, tables)),
  ];
}

function checkPatterns(
  options: MysqlSourceOptions,
  tables: readonly TableDescription[],
): Problem[] {
  const unmatched = options.tables.filter((pattern) => {
    if (pattern.startsWith('!')) return false;
    const matcher = parseTablePatterns([pattern]);
    return !tables.some(({ table }) => matcher.matches(table));
  });
  return unmatched.map((pattern) => ({
    code: 'CDC_TABLE_NOT_FOUND',
    where: `source.tables ${pattern}`,
    message: `No table of the server matches ${pattern}, or the user may not see it.`,
    remedy: 'Correct the pattern, or grant SELECT on the tables.',
    // A table may come later, but a project without any is a mistake.
    severity: tables.length === 0 ? 'error' : 'warning',
  }));
}

function checkDatabases(tables: readonly TableDescription[]): Problem[] {
  const databases = new Set(tables.map(({ table }) => splitTableId(table).database));
  return [...databases]
    .filter((database) => reservedDatabases.has(database.toLowerCase()))
    .map((database) => ({
      code: 'CDC_PREFLIGHT_FAILED',
      where: database,
      message: `The warehouse has a database ${database} of its own, so tables of a source database of that name cannot be shown in it.`,
      remedy: `Exclude it: add '!${database}.*' to source.tables.`,
      severity: 'error',
    }));
}

function checkTable(description: TableDescription): Problem[] {
  const { table, key, engine, systemVersioned, columns } = description;
  const found = (code: ErrorCode, message: string, remedy = excludeRemedy(table)): Problem => ({
    code,
    where: table,
    message,
    remedy,
    severity: 'error',
  });
  const problems = unsupportedColumns(description).map((column) =>
    found('CDC_TYPE_UNSUPPORTED', `${unsupportedTypeMessage(table, column)}.`),
  );
  if (key === undefined) {
    problems.push(
      found(
        'CDC_TABLE_NO_PRIMARY_KEY',
        `${table} has neither a primary key nor a unique key over NOT NULL columns.`,
        `ALTER TABLE ${table} ADD PRIMARY KEY (...); or name its key under source.overrides; or exclude it: '!${table}'.`,
      ),
    );
  }
  for (const name of key?.columns ?? []) {
    if (columns.some((column) => column.name === name)) continue;
    const message = `${table} has no column ${name} to be its key.`;
    const remedy = 'Correct `key` under source.overrides in the project file.';
    problems.push(found('CDC_TABLE_NO_PRIMARY_KEY', message, remedy));
  }
  if (systemVersioned) {
    problems.push(
      found(
        'CDC_TYPE_UNSUPPORTED',
        `${table} is system-versioned: its binlog shows a delete as an update.`,
      ),
    );
  }
  const reserved = columns.find(({ name }) => name === versionColumn || name === deletedColumn);
  if (reserved) {
    problems.push(
      found(
        'CDC_TYPE_UNSUPPORTED',
        `${table} has a column ${reserved.name}, a name the warehouse needs.`,
      ),
    );
  }
  if (table.split('.').length > 2) {
    problems.push(found('CDC_PREFLIGHT_FAILED', `The name ${table} holds a dot of its own.`));
  }
  if (engine !== 'InnoDB') problems.push(notTransactional(description));
  return problems;
}

function notTransactional({ table, engine }: TableDescription): Problem {
  return {
    code: 'CDC_PREFLIGHT_FAILED',
    where: table,
    message: `${table} uses the engine ${engine || 'none'}: a statement that fails halfway leaves rows that the binlog may not show.`,
    remedy: `ALTER TABLE ${table} ENGINE = InnoDB;`,
    severity: 'warning',
  };
}

/** Rows that a foreign key changes are not in the binlog, but for MySQL from 9.6 on. */
async function checkCascades(
  session: MysqlSession,
  server: ServerInfo,
  tables: readonly TableDescription[],
): Promise<Problem[]> {
  if (tables.length === 0 || (server.flavour === 'mysql' && isAtLeast(server, 9, 6))) return [];
  const captured = new Set(tables.map(({ table }) => table));
  const rows = await session.rows<CascadeRow>(
    `SELECT CONSTRAINT_SCHEMA AS \`database\`, TABLE_NAME AS name, CONSTRAINT_NAME AS constraintName,
       DELETE_RULE AS onDelete, UPDATE_RULE AS onUpdate
     FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE CONSTRAINT_SCHEMA IN (?)`,
    [[...new Set(tables.map(({ table }) => splitTableId(table).database))]],
  );
  return rows
    .filter((row) => captured.has(tableIdOf(row.database, row.name)))
    .flatMap((row) => {
      const rules = [
        ...(isActive(row.onDelete) ? [`ON DELETE ${row.onDelete}`] : []),
        ...(isActive(row.onUpdate) ? [`ON UPDATE ${row.onUpdate}`] : []),
      ];
      return rules.length === 0 ? [] : [cascade(row, rules.join(' '))];
    });
}

interface CascadeRow {
  readonly database: string;
  readonly name: string;
  readonly constraintName: string;
  readonly onDelete: string;
  readonly onUpdate: string;
}

function isActive(rule: string): boolean {
  return rule !== 'RESTRICT' && rule !== 'NO ACTION';
}

function cascade(row: CascadeRow, rules: string): Problem {
  const table = tableIdOf(row.database, row.name);
  return {
    code: 'CDC_PREFLIGHT_FAILED',
    where: table,
    message: `${table} has the foreign key ${row.constraintName} with ${rules}: the rows it changes are not in the binlog, so the warehouse would keep the old ones.`,
    remedy: `Change these rows by statements of your own: ALTER TABLE ${table} DROP FOREIGN KEY ${row.constraintName}; and add it again with ON DELETE RESTRICT.`,
    severity: 'warning',
  };
}
