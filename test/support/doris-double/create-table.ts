import { type DorisCluster, DorisError } from './doris-cluster.ts';
import { type DorisColumn, DorisTable } from './doris-table.ts';
import { parseDorisType } from './doris-types.ts';
import type { Tokens } from './sql-tokens.ts';

/** Properties a table may have in this double; the server knows more and refuses what it does not know. */
const knownProperties = new Set([
  'replication_num',
  'replication_allocation',
  'enable_unique_key_merge_on_write',
  'light_schema_change',
  'function_column.sequence_col',
  'function_column.sequence_type',
  'store_row_column',
  'compression',
  'storage_medium',
  'bloom_filter_columns',
  'compaction_policy',
  'enable_persistent_index',
]);

const noKeys = /^(STRING|FLOAT|DOUBLE|JSON|VARIANT)$/;
const sequenceTypes = /^(TINYINT|SMALLINT|INT|BIGINT|LARGEINT|DATE|DATETIME)$/;
const tableNames = /^[a-zA-Z][a-zA-Z0-9\-_]*$/;
const columnNames = /^[_a-zA-Z@0-9\s<>/][.a-zA-Z0-9_+\-/><?@#$%^&*"\s,:]{0,255}$/;

/** `CREATE TABLE` is behind; checks what the frontend checks before it makes tablets. */
export function createTable(tokens: Tokens, cluster: DorisCluster): void {
  const ifNotExists = tokens.takeIf('IF', 'NOT', 'EXISTS');
  const [databaseName, name] = tokens.tableName('');
  const tables = cluster.database(databaseName);
  if (!tableNames.test(name)) {
    throw new DorisError(
      `Incorrect table name '${name}'. Table name regex is '${tableNames.source}'`,
    );
  }
  const columns = tokens.list(() => parseColumn(tokens, cluster));
  const layout = tokens.sql.slice(tokens.peek.at);
  if (tokens.takeIf('ENGINE', '=')) tokens.name();
  const isStarrocks = cluster.flavour === 'starrocks';
  tokens.expect(isStarrocks ? 'PRIMARY' : 'UNIQUE', 'KEY');
  const keys = tokens.list(() => tokens.name());
  const comment = tokens.takeIf('COMMENT') ? tokens.text() : '';
  const partitionColumns = parsePartitions(tokens);
  tokens.expect('DISTRIBUTED', 'BY', 'HASH');
  const distribution = tokens.list(() => tokens.name());
  if (tokens.takeIf('BUCKETS') && !tokens.takeIf('AUTO')) tokens.take();
  const properties = parseProperties(tokens);
  tokens.end();
  if (tables.has(name)) {
    if (ifNotExists) return;
    throw new DorisError(`Table '${name}' already exists`, { errno: 1050 });
  }
  checkColumns(columns, keys);
  checkKeyed('Distribution', distribution, keys);
  checkKeyed('Merge-on-Write table’s partition', partitionColumns, keys);
  checkProperties(properties, columns, cluster);
  if (isStarrocks) properties.set('primary key', keys.join());
  tables.set(name, new DorisTable({ name, columns, keys, comment, properties, layout }));
}

export function parseColumn(tokens: Tokens, { flavour }: DorisCluster): DorisColumn {
  const name = tokens.name();
  const written = parseDorisType(parseTypeText(tokens));
  // StarRocks has one DATETIME, of microseconds.
  const isFine = flavour === 'starrocks' && written.name === 'DATETIME';
  const type = isFine ? { ...written, parameters: [6] } : written;
  tokens.takeIf('KEY');
  const nullable = !tokens.takeIf('NOT', 'NULL');
  if (nullable) tokens.takeIf('NULL');
  const hasDefault = tokens.takeIf('DEFAULT');
  const defaultValue = hasDefault ? parseDefault(tokens) : undefined;
  const comment = tokens.takeIf('COMMENT') ? tokens.text() : '';
  if (!columnNames.test(name) || /^(mva?_|__doris_)/i.test(name)) {
    throw new DorisError(
      `Incorrect column name '${name}'. Column regex is '${columnNames.source}'`,
      {
        errno: 1166,
      },
    );
  }
  return {
    name,
    type,
    nullable,
    ...(hasDefault && { defaultValue: defaultValue ?? null }),
    comment,
  };
}

function parseTypeText(tokens: Tokens): string {
  const name = tokens.name();
  if (!tokens.takeIf('(')) return name;
  const parameters = [tokens.take().text];
  while (tokens.takeIf(',')) parameters.push(tokens.take().text);
  tokens.expect(')');
  return `${name}(${parameters.join(',')})`;
}

function parseDefault(tokens: Tokens): string | null {
  return tokens.takeIf('NULL') ? null : tokens.text();
}

/** `[AUTO] PARTITION BY RANGE(...) (...)`; the double keeps no partitions, all ranges are there. */
function parsePartitions(tokens: Tokens): string[] {
  tokens.takeIf('AUTO');
  if (!tokens.takeIf('PARTITION', 'BY')) return [];
  if (!tokens.takeIf('RANGE') && !tokens.takeIf('LIST')) tokens.fail('RANGE or LIST');
  const columns: string[] = [];
  let depth = 0;
  do {
    const token = tokens.take();
    if (token.text === '(' && token.kind === 'symbol') depth++;
    else if (token.text === ')' && token.kind === 'symbol') depth--;
    else if (token.kind === 'name') columns.push(token.text);
  } while (depth > 0 || tokens.peek.text === '(');
  return columns;
}

function parseProperties(tokens: Tokens): Map<string, string> {
  if (!tokens.takeIf('PROPERTIES')) return new Map();
  return new Map(
    tokens.list(() => {
      const key = tokens.text();
      tokens.expect('=');
      return [key, tokens.text()] as const;
    }),
  );
}

function checkColumns(columns: readonly DorisColumn[], keys: readonly string[]): void {
  const names = columns.map(({ name }) => name.toLowerCase());
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined)
    throw new DorisError(`Duplicate column name '${twice}'`, { errno: 1060 });
  for (const [index, key] of keys.entries()) {
    const column = columns[index];
    if (column?.name !== key) {
      throw new DorisError(
        `Key columns should be a ordered prefix of the schema. KeyColumns[${index}] (starts from zero) ` +
          `is ${key}, but corresponding column is ${column?.name} in the previous columns declaration.`,
      );
    }
    if (noKeys.test(column.type.name)) {
      throw new DorisError(`${column.type.name} Type should not be used in key column[${key}].`);
    }
  }
}

function checkKeyed(what: string, columns: readonly string[], keys: readonly string[]): void {
  const other = columns.find((column) => !keys.includes(column));
  if (other !== undefined) throw new DorisError(`${what} column[${other}] is not key column`);
}

function checkProperties(
  properties: ReadonlyMap<string, string>,
  columns: readonly DorisColumn[],
  { backends, flavour }: DorisCluster,
): void {
  const unknown = [...properties.keys()].find((key) => !knownProperties.has(key));
  if (unknown !== undefined) {
    throw new DorisError(`Unknown properties: {${unknown}=${properties.get(unknown)}}`);
  }
  const replicas = Number(properties.get('replication_num') ?? 3);
  if (replicas > backends) {
    throw new DorisError(
      'replication num should be less than the number of available backends. ' +
        `replication num is ${replicas}, available backend num is ${backends}`,
    );
  }
  const sequence = properties.get('function_column.sequence_col');
  if (sequence === undefined) return;
  if (flavour === 'starrocks') throw new DorisError(`Unknown properties: {${sequence}}`);
  if (properties.has('function_column.sequence_type')) {
    throw new DorisError('The sequence_col and sequence_type cannot be set at the same time');
  }
  const column = columns.find(({ name }) => name === sequence);
  if (column === undefined) {
    throw new DorisError(`The specified sequence column[${sequence}] not exists`);
  }
  if (!sequenceTypes.test(column.type.name)) {
    throw new DorisError('Sequence type only support integer types and date types');
  }
}
