import { alterTable } from './alter-table.ts';
import { createTable } from './create-table.ts';
import { type DorisCluster, DorisError } from './doris-cluster.ts';
import { convertValue, type DorisValue } from './doris-types.ts';
import { type Result, runSelect, tableRows } from './select.ts';
import { isTrue, parseExpression } from './sql-expression.ts';
import { Tokens } from './sql-tokens.ts';

const nothing: Result = { names: [], rows: [] };
/** Statements that only read, which every user may. */
export const readingStatement = /^\s*(SELECT|SHOW|SET)\b/i;

/** Runs one statement of the MySQL protocol; what the double does not know is a syntax error. */
export function runStatement(sql: string, cluster: DorisCluster, database: string): Result {
  const tokens = new Tokens(sql);
  if (tokens.takeIf('SET')) return nothing;
  if (tokens.takeIf('SELECT')) return runSelect(tokens, cluster, database);
  if (tokens.takeIf('SHOW', 'TRANSACTION')) return showTransaction(tokens, cluster, database);
  if (tokens.takeIf('SHOW', 'ALTER', 'TABLE', 'COLUMN')) return showAlter(tokens, cluster);
  if (tokens.takeIf('SHOW', 'CREATE', 'TABLE')) return showCreate(tokens, cluster);
  if (tokens.takeIf('CREATE', 'DATABASE')) return createDatabase(tokens, cluster);
  if (tokens.takeIf('CREATE', 'TABLE')) createTable(tokens, cluster);
  else if (tokens.takeIf('ALTER', 'TABLE')) alterTable(tokens, cluster);
  else if (tokens.takeIf('DROP', 'TABLE')) dropTable(tokens, cluster);
  else if (tokens.takeIf('INSERT', 'INTO')) insert(tokens, cluster);
  else if (tokens.takeIf('DELETE', 'FROM')) deleteRows(tokens, cluster);
  else tokens.fail('a statement');
  return nothing;
}

function createDatabase(tokens: Tokens, cluster: DorisCluster): Result {
  const ifNotExists = tokens.takeIf('IF', 'NOT', 'EXISTS');
  const name = tokens.name();
  tokens.end();
  if (!/^[a-zA-Z][a-zA-Z0-9\-_]{0,63}$/.test(name)) {
    throw new DorisError(`Incorrect database name '${name}'`, { errno: 1102 });
  }
  if (!cluster.databases.has(name)) cluster.databases.set(name, new Map());
  else if (!ifNotExists) {
    throw new DorisError(`Can't create database '${name}'; database exists`, { errno: 1007 });
  }
  return nothing;
}

function dropTable(tokens: Tokens, cluster: DorisCluster): void {
  const ifExists = tokens.takeIf('IF', 'EXISTS');
  const [database, name] = tokens.tableName('');
  tokens.takeIf('FORCE');
  tokens.end();
  if (!cluster.database(database).delete(name) && !ifExists) {
    throw new DorisError(`Unknown table '${name}'`, { errno: 1051 });
  }
}

/** Rows of VALUES; all of them replace what their keys have, there is no sequence in an INSERT here. */
function insert(tokens: Tokens, cluster: DorisCluster): void {
  const table = cluster.table(...tokens.tableName(''));
  const names = tokens.list(() => tokens.name());
  tokens.expect('VALUES');
  if (table.sequenceColumn !== undefined && !names.includes(table.sequenceColumn)) {
    throw new DorisError(
      `Table ${table.name} has sequence column, need to specify the sequence column`,
    );
  }
  do {
    const texts = tokens.list(() => parseExpression(tokens).evaluate(new Map(), []));
    const values = new Map<string, DorisValue>();
    for (const [index, name] of names.entries()) {
      const column = table.column(name);
      if (column === undefined) throw new DorisError(`Unknown column '${name}'`, { errno: 1054 });
      const text = texts[index] ?? null;
      const value =
        text === null ? { value: null } : convertValue(column.type, String(text), '+00:00');
      if ('reason' in value)
        throw new DorisError(`Insert has filtered data in strict mode. ${value.reason}`);
      values.set(column.name, value.value);
    }
    table.publish([{ values, deleted: false }]);
  } while (tokens.takeIf(','));
  tokens.end();
}

function deleteRows(tokens: Tokens, cluster: DorisCluster): void {
  const table = cluster.table(...tokens.tableName(''));
  tokens.expect('WHERE');
  const { evaluate } = parseExpression(tokens);
  tokens.end();
  const scopes = new Map(table.rows.map((row, index) => [row, tableRows(table)[index]]));
  table.removeWhere((row) => {
    const scope = scopes.get(row);
    return scope !== undefined && isTrue(evaluate(scope, []));
  });
}

function showTransaction(tokens: Tokens, cluster: DorisCluster, database: string): Result {
  if (cluster.flavour === 'starrocks') tokens.fail('WHERE id');
  const from = tokens.takeIf('FROM') ? tokens.name() : database;
  tokens.expect('WHERE', 'LABEL', '=');
  const label = tokens.text();
  tokens.end();
  cluster.database(from);
  const transaction = cluster.transactionOf(from, label);
  if (transaction === undefined) {
    throw new DorisError(`transaction with label ${label} does not exist`);
  }
  const { id, status, reason } = transaction;
  return {
    names: ['TransactionId', 'Label', 'TransactionStatus', 'Reason'],
    rows: [[String(id), label, status, reason]],
  };
}

function showAlter(tokens: Tokens, cluster: DorisCluster): Result {
  tokens.expect('FROM');
  const database = tokens.name();
  tokens.expect('WHERE', 'TABLENAME', '=');
  const table = tokens.text();
  tokens.expect('ORDER', 'BY', 'CREATETIME', 'DESC', 'LIMIT');
  tokens.take();
  tokens.end();
  const found = cluster.alterations.filter(
    (each) => each.database === database && each.table === table,
  );
  return {
    names: ['JobId', 'TableName', 'State', 'Msg'],
    rows: found.slice(-1).map(({ id, state, message }) => [String(id), table, state, message]),
  };
}

function showCreate(tokens: Tokens, cluster: DorisCluster): Result {
  const [database, name] = tokens.tableName('');
  const table = cluster.table(database, name);
  return { names: ['Table', 'Create Table'], rows: [[name, table.showCreate(database)]] };
}
