import { parseColumn } from './create-table.ts';
import { type Alteration, type DorisCluster, DorisError } from './doris-cluster.ts';
import type { DorisColumn, DorisTable } from './doris-table.ts';
import type { DorisType } from './doris-types.ts';
import type { Tokens } from './sql-tokens.ts';

/** Conversions of a stored column that the server offers (a part of its matrix). */
const widenings: readonly (readonly [from: RegExp, to: RegExp])[] = [
  [/^TINYINT$/, /^(SMALLINT|INT|BIGINT|LARGEINT)$/],
  [/^SMALLINT$/, /^(INT|BIGINT|LARGEINT)$/],
  [/^INT$/, /^(BIGINT|LARGEINT)$/],
  [/^BIGINT$/, /^LARGEINT$/],
  [/^FLOAT$/, /^DOUBLE$/],
  [/^(CHAR|VARCHAR)$/, /^(VARCHAR|STRING)$/],
  [/^DECIMAL$/, /^DECIMAL$/],
  [/^DATETIME$/, /^DATETIME$/],
];

/** `ALTER TABLE` is behind. Added and dropped columns are there at once; a changed type is a job. */
export function alterTable(tokens: Tokens, cluster: DorisCluster): void {
  const [database, name] = tokens.tableName('');
  const table = cluster.table(database, name);
  if (table.isChanging) {
    throw new DorisError(
      `Table[${name}]'s state(SCHEMA_CHANGE) is not NORMAL. Do not allow doing ALTER ops`,
    );
  }
  if (tokens.takeIf('ADD', 'COLUMN')) addColumn(table, parseColumn(tokens, cluster));
  else if (tokens.takeIf('DROP', 'COLUMN')) dropColumn(table, tokens.name());
  else if (tokens.takeIf('MODIFY', 'COLUMN')) {
    changeColumn(table, parseColumn(tokens, cluster), { cluster, database });
  } else tokens.fail('ADD, DROP or MODIFY');
  tokens.end();
}

function addColumn(table: DorisTable, column: DorisColumn): void {
  if (table.column(column.name) !== undefined) {
    throw new DorisError(`Can not add column which already exists in base table: ${column.name}`);
  }
  if (!column.nullable && column.defaultValue === undefined) {
    throw new DorisError(`Column ${column.name} is not nullable and has no default value`);
  }
  table.changeColumns([...table.columns, column]);
}

function dropColumn(table: DorisTable, name: string): void {
  if (table.column(name) === undefined) throw new DorisError(`Column does not exists: ${name}`);
  if (table.keys.includes(name)) {
    throw new DorisError('Can not drop key column in Unique data model table');
  }
  if (table.sequenceColumn === name) {
    throw new DorisError(
      `Can not drop sequence mapping column[${name}] in Unique data model table`,
    );
  }
  table.changeColumns(table.columns.filter((column) => column.name !== name));
}

function changeColumn(
  table: DorisTable,
  column: DorisColumn,
  { cluster, database }: { cluster: DorisCluster; database: string },
): void {
  const old = table.column(column.name);
  if (old === undefined) throw new DorisError(`Column[${column.name}] does not exists`);
  if (old.nullable && !column.nullable) {
    throw new DorisError(`Can not change from nullable to non-nullable: ${column.name}`);
  }
  checkConversion(old.type, column.type, column.name);
  const alteration: Alteration = {
    id: cluster.alterations.length + 1,
    database,
    table: table.name,
    state: 'RUNNING',
    message: '',
  };
  cluster.alterations.push(alteration);
  table.isChanging = true;
  cluster.finishLater(() => {
    table.isChanging = false;
    const fault = cluster.takeAlterationFault();
    alteration.state = fault === undefined ? 'FINISHED' : 'CANCELLED';
    alteration.message = fault ?? '';
    if (fault !== undefined) return;
    table.changeColumns(table.columns.map((each) => (each.name === old.name ? column : each)));
  });
}

function checkConversion(from: DorisType, to: DorisType, name: string): void {
  const isSame = from.name === to.name && from.parameters.join() === to.parameters.join();
  const longer = to.parameters.every((each, index) => each >= (from.parameters[index] ?? 0));
  const fits = widenings.some(([old, next]) => old.test(from.name) && next.test(to.name));
  if (isSame || (fits && (longer || to.parameters.length === 0))) return;
  if (fits)
    throw new DorisError(
      `Shorten type length is prohibited, srcType=${from.name}, dstType=${to.name}`,
    );
  throw new DorisError(`Can not change ${from.name} to ${to.name}: ${name}`);
}
