import { type DorisCluster, DorisError } from './doris-cluster.ts';
import type { DorisTable } from './doris-table.ts';
import { type DorisType, type DorisValue, printDorisType } from './doris-types.ts';
import {
  type Expression,
  isTrue,
  parseExpression,
  type Scope,
  type SqlValue,
} from './sql-expression.ts';
import type { Tokens } from './sql-tokens.ts';

export interface Result {
  readonly names: readonly string[];
  readonly rows: readonly (readonly (string | null)[])[];
}

interface Item {
  readonly name: string;
  readonly expression: Expression;
}

/** `SELECT` is behind. One table or one subquery, no joins: what the sink asks. */
export function runSelect(tokens: Tokens, cluster: DorisCluster, database: string): Result {
  const { names, rows } = selectRows(tokens, cluster, database);
  tokens.end();
  return { names, rows: rows.map((row) => names.map((name) => printed(row.get(name) ?? null))) };
}

interface Selected {
  readonly names: readonly string[];
  readonly rows: readonly Scope[];
}

function selectRows(tokens: Tokens, cluster: DorisCluster, database: string): Selected {
  const items: Item[] = [];
  do items.push(parseItem(tokens));
  while (tokens.takeIf(','));
  let rows: readonly Scope[] = [new Map()];
  if (tokens.takeIf('FROM')) rows = sourceRows(tokens, cluster, database);
  if (tokens.takeIf('WHERE')) {
    const { evaluate } = parseExpression(tokens);
    rows = rows.filter((row) => isTrue(evaluate(row, [])));
  }
  const groups = parseGroups(tokens, rows, items);
  const names = items.map(({ name }) => name);
  const result = groups.map(
    (group) =>
      new Map(
        items.map(({ name, expression }) => [
          name,
          expression.evaluate(group[0] ?? new Map(), group),
        ]),
      ),
  );
  return { names, rows: result };
}

function parseItem(tokens: Tokens): Item {
  const { at } = tokens.peek;
  const expression = parseExpression(tokens);
  const written = tokens.sql.slice(at, tokens.peek.at).trim();
  const name = tokens.takeIf('AS') ? tokens.name() : written.replace(/^`(.*)`$/, '$1');
  return { name: name.toLowerCase(), expression };
}

function parseGroups(
  tokens: Tokens,
  rows: readonly Scope[],
  items: readonly Item[],
): readonly (readonly Scope[])[] {
  const isAggregate = items.some(({ expression }) => expression.isAggregate);
  if (!tokens.takeIf('GROUP', 'BY')) return isAggregate ? [rows] : rows.map((row) => [row]);
  const keys: Expression[] = [];
  do keys.push(parseExpression(tokens));
  while (tokens.takeIf(','));
  const groups = new Map<string, Scope[]>();
  for (const row of rows) {
    const key = keys.map(({ evaluate }) => String(evaluate(row, []))).join('\0');
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [row]);
    else group.push(row);
  }
  return [...groups.values()];
}

function sourceRows(tokens: Tokens, cluster: DorisCluster, database: string): readonly Scope[] {
  if (tokens.takeIf('(')) {
    tokens.expect('SELECT');
    const { rows } = selectRows(tokens, cluster, database);
    tokens.expect(')');
    // A subquery without an alias is an error in the server, too.
    tokens.name();
    return rows;
  }
  const [schema, name] = tokens.tableName(database);
  if (schema === 'information_schema') return schemaRows(cluster, name.toLowerCase());
  return tableRows(cluster.table(schema, name));
}

export function tableRows(table: DorisTable): readonly Scope[] {
  return table.rows.map(
    (row) =>
      new Map(
        table.columns.map(({ name, type }) => [
          name.toLowerCase(),
          typedValue(row.get(name) ?? null, type),
        ]),
      ),
  );
}

function typedValue(text: DorisValue, { name }: DorisType): SqlValue {
  if (text === null) return null;
  if (/INT$/.test(name)) return BigInt(text);
  if (name === 'FLOAT' || name === 'DOUBLE') return Number(text);
  return name === 'BOOLEAN' ? text === '1' : text;
}

function schemaRows(cluster: DorisCluster, view: string): readonly Scope[] {
  const tables = [...cluster.databases].flatMap(([schema, all]) =>
    [...all.values()].map((table) => ({ schema, table })),
  );
  if (view === 'tables') {
    return tables.map(
      ({ schema, table }) =>
        new Map<string, SqlValue>([
          ['table_schema', schema],
          ['table_name', table.name],
          ['table_comment', table.comment],
        ]),
    );
  }
  if (view !== 'columns') throw new DorisError(`Table [${view}] does not exist`);
  return tables.flatMap(({ schema, table }) =>
    table.columns.map(
      (column, index) =>
        new Map<string, SqlValue>([
          ['table_schema', schema],
          ['table_name', table.name],
          ['column_name', column.name],
          ['ordinal_position', BigInt(index + 1)],
          ['column_type', printDorisType(column.type)],
          ['is_nullable', column.nullable ? 'YES' : 'NO'],
          ['column_key', table.keys.includes(column.name) ? 'UNI' : ''],
          ['column_comment', column.comment],
        ]),
    ),
  );
}

function printed(value: SqlValue): string | null {
  if (value === null) return null;
  return typeof value === 'boolean' ? String(Number(value)) : String(value);
}
