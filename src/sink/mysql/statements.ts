import { deletedColumn, type SinkTable, versionColumn } from '../sink-table.ts';
import type { RowShape } from './row-texts.ts';
import type { ServerFacts } from './sessions.ts';
import { nameList, quoteName, tableName } from './sql-text.ts';
import { isBinary } from './type-map.ts';

export interface WriteOptions {
  readonly database: string;
  readonly deletes: 'hard' | 'soft';
}

/** Deletions in one statement: with many more the server reads the whole table. */
const keysPerDelete = 100;

export function rowShape({ columns, key }: SinkTable, { deletes }: WriteOptions): RowShape {
  const binary = columns.flatMap(({ type }, place) => (isBinary(type) ? [place] : []));
  return {
    valueCount: columns.length + 2,
    binary: new Set(binary),
    key: key.map((name) => columns.findIndex((column) => column.name === name)),
    keepsDeleted: deletes === 'soft',
  };
}

/**
 * What stands before and behind the rows of an INSERT. A row takes the place of the one with its key unless that has a higher
 * version.
 *
 * - The version is assigned last: before that `t._version` is the one that was there.
 * - A row that meets another one in a unique index beside the key would take that one's place. It gets NULL for its version
 *   then, which the column refuses, and with it the whole batch.
 */
export function upsertFrame(
  table: SinkTable,
  options: WriteOptions,
  { flavour, version }: ServerFacts,
): { head: string; tail: string } {
  const hasAlias = flavour === 'mysql' && isAtLeast(version, [8, 0, 19]);
  const incoming = (name: string) =>
    hasAlias ? `n.${quoteName(name)}` : `VALUES(${quoteName(name)})`;
  const present = (name: string) => `${tableName(options, table.target)}.${quoteName(name)}`;
  const isNewer = `${incoming(versionColumn)} >= ${present(versionColumn)}`;
  const isSoft = options.deletes === 'soft';
  // A deletion comes without the other values: those that are there stay.
  const counts = isSoft ? `${isNewer} AND NOT ${incoming(deletedColumn)}` : isNewer;
  const names = table.columns.map(({ name }) => name);
  const assigned = names
    .filter((name) => !table.key.includes(name))
    .map((name) => `${quoteName(name)} = IF(${counts}, ${incoming(name)}, ${present(name)})`);
  const deleted = `${quoteName(deletedColumn)} = IF(${isNewer}, ${incoming(deletedColumn)}, ${present(deletedColumn)})`;
  const isSameKey = table.key.map((name) => `${incoming(name)} <=> ${present(name)}`).join(' AND ');
  const newest = `IF(${isNewer}, ${incoming(versionColumn)}, ${present(versionColumn)})`;
  const kept = `${quoteName(versionColumn)} = IF(${isSameKey}, ${newest}, NULL)`;
  const list = nameList([...names, versionColumn, ...(isSoft ? [deletedColumn] : [])]);
  return {
    head: `INSERT INTO ${tableName(options, table.target)} (${list}) VALUES `,
    tail:
      `${hasAlias ? ' AS n' : ''} ON DUPLICATE KEY UPDATE ` +
      [...assigned, ...(isSoft ? [deleted] : []), kept].join(', '),
  };
}

/** Statements that delete rows unless they have a higher version; of each the literals of its key, then of its version. */
export function deleteStatements(
  table: SinkTable,
  options: WriteOptions,
  deleted: readonly (readonly string[])[],
  wireText: (sql: string) => string,
): string[] {
  const head = wireText(`DELETE FROM ${tableName(options, table.target)} WHERE `);
  const columns = table.key.map((name) => wireText(quoteName(name)));
  const version = quoteName(versionColumn);
  const conditions = deleted.map((values) => {
    const isKey = columns.map((column, place) => `${column} = ${values[place]}`).join(' AND ');
    return `(${isKey} AND ${version} <= ${values.at(-1)})`;
  });
  const statements: string[] = [];
  for (let from = 0; from < conditions.length; from += keysPerDelete) {
    statements.push(head + conditions.slice(from, from + keysPerDelete).join(' OR '));
  }
  return statements;
}

function isAtLeast(version: readonly number[], wanted: readonly number[]): boolean {
  for (const [place, number] of wanted.entries()) {
    const found = version[place] ?? 0;
    if (found !== number) return found > number;
  }
  return true;
}
