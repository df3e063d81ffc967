import { incompatibleTable } from '../sink-errors.ts';
import { deletedColumn, type SinkColumn, type SinkTable, versionColumn } from '../sink-table.ts';
import { holds } from './column-fit.ts';
import type { FoundColumn, FoundTable } from './found-table.ts';
import type { TableSettings, TypeOptions } from './options.ts';
import type { ServerFacts } from './sessions.ts';
import { nameList, quoteName, quoteText, tableName } from './sql-text.ts';
import { mayBecomeNull, mysqlTypes } from './type-map.ts';

/** Longest name of a table or a column, in characters. */
const maxName = 64;
/** A row's columns without TEXT and BLOB may have 65,535 bytes; some are for lengths and NULLs. */
const maxRowBytes = 64_000;

export interface TableOptions extends TypeOptions {
  readonly database: string;
}

/** A column as the store is to have it. */
interface WantedColumn {
  readonly name: string;
  readonly type: string;
  readonly isNotNull: boolean;
  readonly isKey: boolean;
  /** Its value where none is given. */
  readonly preset?: string;
  /** What stands at the end of its definition. */
  readonly rest: string;
}

/**
 * Statements that make the store fit the table; pure. Columns of others stay, those of ours (`mayDrop`) go when the table no
 * longer has them. Throws CDC_SINK_INCOMPATIBLE where rows could not be carried over.
 */
export function planStatements(
  table: SinkTable,
  found: FoundTable | undefined,
  options: TableOptions,
  { facts, mayDrop }: { readonly facts: ServerFacts; readonly mayDrop: readonly string[] },
): string[] {
  assertNames(table);
  const wanted = wantedColumns(table, options, facts);
  const name = tableName(options, table.target);
  if (found === undefined) return [createStatement(name, table, wanted, facts)];
  assertTransactions(table, found);
  assertKey(table, found);
  const changes = [
    ...wanted.flatMap((column) => changeOf(table, column, found, facts)),
    ...goneColumns(wanted, found, mayDrop),
  ];
  return changes.length === 0 ? [] : [`ALTER TABLE ${name} ${changes.join(', ')}`];
}

function createStatement(
  name: string,
  table: SinkTable,
  wanted: readonly WantedColumn[],
  facts: ServerFacts,
): string {
  const { indexes = [], tableOptions } = table.settings as TableSettings;
  const parts = [
    ...shortEnough(wanted).map((column) => definition(column, facts)),
    `PRIMARY KEY (${nameList(table.key)})`,
    ...indexes.map((names) => `INDEX (${nameList(names)})`),
  ];
  const comment = commentOf(table.comment, 2048);
  const rest = tableOptions === undefined ? '' : ` ${tableOptions}`;
  return `CREATE TABLE ${name} (${parts.join(', ')}) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4${comment}${rest}`;
}

function wantedColumns(
  table: SinkTable,
  options: TableOptions,
  { flavour }: ServerFacts,
): WantedColumn[] {
  const types = mysqlTypes(options);
  const chosen = (table.settings as TableSettings).types ?? {};
  const own = table.columns.map((column) => {
    const isNotNull = column.isKey || !isFree(column, options);
    const type = chosen[column.name] ?? types.stored(column).type;
    const rest = commentOf(column.comment, 1024);
    return { name: column.name, type, isNotNull, isKey: column.isKey, rest };
  });
  const hidden = { isNotNull: true, isKey: false, preset: '0' };
  // Nobody who reads rows wants to see it.
  const rest = flavour === 'mariadb' ? ' INVISIBLE' : ' /*!80023 INVISIBLE */';
  const version = { ...hidden, name: versionColumn, type: 'bigint unsigned', rest };
  const deleted = { ...hidden, name: deletedColumn, type: 'tinyint(1)', rest: '' };
  return options.deletes === 'soft' ? [...own, version, deleted] : [...own, version];
}

/** A deletion that comes without the row it deletes is kept, where deletions are kept. */
function isFree(column: SinkColumn, options: TypeOptions): boolean {
  return column.nullable || mayBecomeNull(column, options) || options.deletes === 'soft';
}

function definition(column: WantedColumn, facts: ServerFacts): string {
  const { name, type, isNotNull, isKey, rest } = column;
  const isText = /^(char|varchar|tinytext|text|mediumtext|longtext|enum|set)\b/i.test(type);
  const collation = isKey ? keyCollation(facts) : /^(enum|set)/i.test(type) ? 'utf8mb4_bin' : '';
  const charset = ` CHARACTER SET utf8mb4${collation === '' ? '' : ` COLLATE ${collation}`}`;
  // Before MariaDB 10.10 the first timestamp that is NOT NULL would follow the clock by itself.
  const isClock = /^timestamp/i.test(type) && isNotNull;
  const preset = column.preset ?? (isClock ? "'1970-01-01 00:00:01'" : undefined);
  return (
    `${quoteName(name)} ${type}${isText ? charset : ''}${isNotNull ? ' NOT NULL' : ' NULL'}` +
    `${preset === undefined ? '' : ` DEFAULT ${preset}`}${rest}`
  );
}

/** Compares every character, also trailing spaces: keys that differ in the warehouse are different rows here. */
function keyCollation({ flavour }: ServerFacts): string {
  return flavour === 'mariadb' ? 'utf8mb4_nopad_bin' : 'utf8mb4_0900_bin';
}

/** Texts that would make the row too long become TEXT, the longest first. */
function shortEnough(wanted: readonly WantedColumn[]): WantedColumn[] {
  const columns = [...wanted];
  const bytes = () => columns.reduce((sum, { type }) => sum + bytesOf(type), 0);
  while (bytes() > maxRowBytes) {
    const longest = columns
      .filter(({ isKey, type }) => !isKey && /^var/i.test(type))
      .reduce<WantedColumn | undefined>(
        (most, each) => (most && bytesOf(most.type) >= bytesOf(each.type) ? most : each),
        undefined,
      );
    if (longest === undefined) break;
    const type = longest.type.startsWith('varchar') ? 'text' : 'blob';
    columns[columns.indexOf(longest)] = { ...longest, type };
  }
  return columns;
}

function bytesOf(type: string): number {
  const [, name = '', size] = /^([a-z]+)(?:\((\d+)\))?/i.exec(type) ?? [];
  if (name === 'varchar') return 4 * Number(size) + 2;
  return name === 'varbinary' || name === 'binary' ? Number(size) + 2 : 32;
}

function changeOf(
  { source }: SinkTable,
  column: WantedColumn,
  found: FoundTable,
  facts: ServerFacts,
): string[] {
  const { name, type } = column;
  const known = found.columns.get(name);
  if (known === undefined) {
    // Rows that are there have no value for it yet, so it takes NULL although the source's does not.
    const added = { ...column, isNotNull: column.preset !== undefined };
    return [`ADD COLUMN ${definition(added, facts)}`];
  }
  if (name === versionColumn || name === deletedColumn) return [];
  // MariaDB’s JSON is a longtext with a condition.
  const wanted = type === 'json' && facts.flavour === 'mariadb' ? 'longtext' : type;
  const isHeld = holds(known.type, wanted);
  if (!isHeld && !holds(wanted, known.type)) {
    const why = `its column ${name} is ${known.type} in the store and would have to be ${type}.`;
    throw incompatibleTable(source, why);
  }
  const isFit =
    isHeld && (known.isNullable || column.isNotNull) && hasCharacters(column, known, facts);
  if (isFit) return [];
  const kept = { ...column, type: isHeld ? known.type : type };
  return [
    `MODIFY COLUMN ${definition({ ...kept, isNotNull: column.isNotNull && !known.isNullable }, facts)}`,
  ];
}

function hasCharacters({ isKey }: WantedColumn, known: FoundColumn, facts: ServerFacts): boolean {
  if (known.charset === null) return true;
  return isKey ? known.collation === keyCollation(facts) : known.charset === 'utf8mb4';
}

/** Columns that the table does not have: those of others must not stand in the way of rows without them. */
function goneColumns(
  wanted: readonly WantedColumn[],
  found: FoundTable,
  mayDrop: readonly string[],
): string[] {
  const names = new Set(wanted.map(({ name }) => name));
  return [...found.columns].flatMap(
    ([name, { type, isNullable, isFilled, charset, collation }]) => {
      if (names.has(name) || name === deletedColumn) return [];
      if (mayDrop.includes(name)) return [`DROP COLUMN ${quoteName(name)}`];
      if (isNullable || isFilled) return [];
      const characters = charset === null ? '' : ` CHARACTER SET ${charset} COLLATE ${collation}`;
      return [`MODIFY COLUMN ${quoteName(name)} ${type}${characters} NULL`];
    },
  );
}

function assertNames({ source, target, columns }: SinkTable): void {
  const names = [target, ...columns.map(({ name }) => name)];
  const bad = names.find(
    (name) => name.length > maxName || /[\0\u{10000}-\u{10ffff}]|\s$/u.test(name),
  );
  if (bad !== undefined) {
    const why = `the store takes no name such as ${bad}: at most ${maxName} characters, no space at the end.`;
    const remedy = 'Give it another name: `to` and `columns` under `overrides` of the sink.';
    throw incompatibleTable(source, why, { remedy });
  }
  const lower = columns.map(({ name }) => name.toLowerCase());
  const twice = columns.find(({ name }, at) => lower.indexOf(name.toLowerCase()) !== at);
  if (twice !== undefined) {
    const why = `two of its columns are ${twice.name} in letters of different size, which are the same to the store.`;
    throw incompatibleTable(source, why, {
      remedy: 'Rename one: `columns` under `overrides` of the sink.',
    });
  }
}

/** Without them rows would stay when the rest of their batch does not. */
function assertTransactions(
  { source, target }: SinkTable,
  { engine, hasTransactions }: FoundTable,
): void {
  if (hasTransactions) return;
  const what = engine === null ? 'a view' : `of the engine ${engine}, which has no transactions`;
  const remedy = `ALTER TABLE ${quoteName(target)} ENGINE=InnoDB; or give the sink another name for it (\`to\`).`;
  throw incompatibleTable(source, `${target} in the store is ${what}.`, { remedy });
}

function assertKey({ source, target, key }: SinkTable, { uniqueKeys }: FoundTable): void {
  const wanted = [...key].sort().join('\0');
  if (uniqueKeys.some((names) => [...names].sort().join('\0') === wanted)) return;
  const why = `table ${target} of the store has no unique index over (${key.join(', ')}).`;
  throw incompatibleTable(source, why);
}

function commentOf(comment: string | undefined, limit: number): string {
  if (comment === undefined || comment === '') return '';
  return ` COMMENT ${comment.length > limit ? quoteText([...comment].slice(0, limit).join('')) : quoteText(comment)}`;
}
