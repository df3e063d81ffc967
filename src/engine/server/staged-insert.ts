import { quoteIdentifier, quoteString } from '../sql-quote.ts';
import { scanSql } from './sql-scanner.ts';
import type { Statement } from './statement.ts';

/** A row of `DESCRIBE TABLE`, as far as it decides how rows are read. */
export interface DescribedColumn {
  readonly name: string;
  readonly type: string;
  readonly default_type: string;
  readonly default_expression: string;
}

export type InsertData = Extract<Statement, { readonly kind: 'insert-data' }>;
export type InsertInput = Extract<Statement, { readonly kind: 'insert-input' }>;

/**
 * An INSERT whose rows are in a file. chdb cuts binary rows that follow the statement's text, so all
 * formats go this way: `INSERT INTO t (c) SELECT c FROM file('...', 'RowBinary', 'c Int64')`.
 */
export interface StagedInsert {
  readonly format: string;
  /** The columns in the order of the rows, as a structure for `file()`. */
  readonly structure: string;
  /** The statement for the file at `path`. */
  render(path: string): string;
}

/** The statement that tells the columns: of the table, or of `* EXCEPT (x)` in the column list. */
export function renderDescribe(insert: InsertData): string {
  if (!hasAsterisk(insert)) return `DESCRIBE TABLE ${insert.target}`;
  return `DESCRIBE TABLE (SELECT ${insert.columns} FROM ${insert.target})`;
}

/** `described` is what `renderDescribe` gave for a whole table. */
export function planStagedInsert(
  insert: InsertData,
  described: readonly DescribedColumn[],
  format: string,
): StagedInsert {
  const stored = described.filter(
    (column) => !['ALIAS', 'MATERIALIZED'].includes(column.default_type),
  );
  const listed =
    insert.columns === undefined || hasAsterisk(insert) ? undefined : namesIn(insert.columns);
  const columns =
    listed === undefined
      ? stored.filter((column) => column.default_type !== 'EPHEMERAL')
      : listed.map((name) => stored.find((column) => column.name === name) ?? unknownColumn(name));
  const names = columns.map(({ name }) => quoteIdentifier(name)).join(', ');
  const settings = insert.settings === undefined ? '' : ` SETTINGS ${insert.settings}`;
  const structure = columns.map(renderColumn).join(', ');
  return {
    format,
    structure,
    render: (path) =>
      `INSERT INTO ${insert.target} (${names})${settings} SELECT ${names} ` +
      `FROM file(${[path, format, structure].map(quoteString).join(', ')})`,
  };
}

/**
 * The same for an INSERT that takes its rows apart: `input('...')` becomes `file('...', 'F', '...')`.
 * (chdb itself reports success for `input()` and writes nothing.)
 */
export function renderInputInsert(
  sql: string,
  { input, structure, end }: InsertInput,
  format: string,
  path: string,
): string {
  const file = `file(${quoteString(path)}, ${quoteString(format)}, ${structure})`;
  return sql.slice(0, input.start) + file + sql.slice(input.end, end);
}

/** The engine names the mistake: the column is in the statement, but has no place in the table. */
function unknownColumn(name: string): DescribedColumn {
  return { name, type: 'String', default_type: '', default_expression: '' };
}

/** With its DEFAULT, so that a field that a row leaves out gets it. */
function renderColumn(column: DescribedColumn): string {
  const value = column.default_type === 'DEFAULT' ? ` DEFAULT ${column.default_expression}` : '';
  return `${quoteIdentifier(column.name)} ${column.type}${value}`;
}

function hasAsterisk(insert: InsertData): boolean {
  return insert.columns?.trimStart().startsWith('*') ?? false;
}

function namesIn(columns: string): string[] {
  const names: string[] = [];
  let name = '';
  for (const { kind, text, depth } of scanSql(`${columns},`)) {
    if (kind === 'symbol' && text === ',' && depth === 0) {
      names.push(name);
      name = '';
    } else {
      name += kind === 'quoted' ? unquote(text) : text;
    }
  }
  return names;
}

function unquote(text: string): string {
  const quote = text.charAt(0);
  return text
    .slice(1, -1)
    .replaceAll(quote + quote, quote)
    .replace(/\\(.)/gs, '$1');
}
