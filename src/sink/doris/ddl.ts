import { incompatibleTable } from '../sink-errors.ts';
import { type SinkTable, versionColumn } from '../sink-table.ts';
import type { TypeMap } from '../type-map.ts';
import { type DorisSinkOptions, settingsOf } from './options.ts';
import { quoteComment, quoteName, quoteText } from './sql-text.ts';

/** A column as it is to be in the store; NULL is possible wherever the key does not forbid it. */
export interface WantedColumn {
  readonly name: string;
  readonly type: string;
  readonly isKey: boolean;
  readonly comment?: string;
}

const noKeys = /^(STRING|FLOAT|DOUBLE|JSON)\b/;

/** Where each row’s version lies; a table that several sinks fill has one for each. */
export function versionColumnOf(table: SinkTable, { name }: DorisSinkOptions): string {
  return settingsOf(table).partialColumns ? `${versionColumn}_${name}` : versionColumn;
}

/** The columns in the order of the store: the key, in its order, then the others, then the version. */
export function wantedColumns(
  table: SinkTable,
  types: TypeMap,
  options: DorisSinkOptions,
): readonly WantedColumn[] {
  const wanted = (column: SinkTable['columns'][number]): WantedColumn => {
    const { type } = types.stored(column);
    if (column.isKey && noKeys.test(type)) {
      const why = `column ${column.name} is in its key, and the store has no keys of type ${type}.`;
      throw incompatibleTable(table.source, why);
    }
    const { name, isKey, comment } = column;
    return { name, type, isKey, ...(comment !== undefined && { comment }) };
  };
  const byName = new Map(table.columns.map((column) => [column.name, column]));
  const keys = table.key.flatMap((name) => byName.get(name) ?? []);
  const others = table.columns.filter(({ name }) => !table.key.includes(name));
  const version = { name: versionColumnOf(table, options), type: 'BIGINT', isKey: false };
  const columns = [...keys.map(wanted), ...others.map(wanted), version];
  assertNames(table, columns);
  return columns;
}

function assertNames(table: SinkTable, columns: readonly WantedColumn[]): void {
  const seen = new Set<string>();
  for (const { name } of columns) {
    const folded = name.toLowerCase();
    if (seen.has(folded)) {
      throw incompatibleTable(table.source, `it has two columns ${name}; the store ignores case.`);
    }
    if (/^(__doris_|__op$)/.test(folded) || folded === '_deleted') {
      throw incompatibleTable(table.source, `a column of the store cannot be called ${name}.`);
    }
    seen.add(folded);
  }
}

export function renderCreateTable(
  table: SinkTable,
  columns: readonly WantedColumn[],
  options: DorisSinkOptions,
): string {
  const settings = settingsOf(table);
  const { flavour, database } = options;
  const keys = table.key.map(quoteName).join(', ');
  const buckets = String(settings.buckets ?? options.buckets).toUpperCase();
  const by = (settings.distributedBy ?? table.key).map(quoteName).join(', ');
  const autoBuckets = flavour === 'starrocks' && buckets === 'AUTO';
  return [
    `CREATE TABLE IF NOT EXISTS ${quoteName(database)}.${quoteName(table.target)} (`,
    columns.map((column) => `  ${renderColumn(column)}`).join(',\n'),
    ') ENGINE=OLAP',
    `${flavour === 'doris' ? 'UNIQUE' : 'PRIMARY'} KEY(${keys})`,
    ...(table.comment === undefined ? [] : [`COMMENT ${quoteComment(table.comment)}`]),
    ...(settings.partitionBy === undefined ? [] : [settings.partitionBy]),
    `DISTRIBUTED BY HASH(${by})${autoBuckets ? '' : ` BUCKETS ${buckets}`}`,
    ...renderProperties(propertiesOf(table, options)),
  ].join('\n');
}

function propertiesOf(table: SinkTable, options: DorisSinkOptions): Record<string, string> {
  const { partialColumns, properties, replicationNum } = settingsOf(table);
  const replicas = replicationNum ?? options.replicationNum;
  return {
    ...(replicas !== undefined && { replication_num: String(replicas) }),
    ...(options.flavour === 'doris' && {
      enable_unique_key_merge_on_write: 'true',
      light_schema_change: 'true',
      ...(!partialColumns && { 'function_column.sequence_col': versionColumn }),
    }),
    ...properties,
  };
}

export function renderProperties(properties: Readonly<Record<string, string>>): string[] {
  const entries = Object.entries(properties);
  if (entries.length === 0) return [];
  const items = entries.map(([key, value]) => `${quoteText(key)} = ${quoteText(value)}`);
  return [`PROPERTIES (${items.join(', ')})`];
}

export function renderColumn({ name, type, isKey, comment }: WantedColumn): string {
  const remark = comment === undefined || comment === '' ? '' : ` COMMENT ${quoteComment(comment)}`;
  return `${quoteName(name)} ${type} ${isKey ? 'NOT NULL' : 'NULL'}${remark}`;
}

/** `ALTER TABLE` that gives a column another type. */
export function renderModify(table: string, column: WantedColumn): string {
  const { name, type, isKey } = column;
  const key = isKey ? ' KEY NOT NULL' : ' NULL';
  return `ALTER TABLE ${table} MODIFY COLUMN ${quoteName(name)} ${type}${key}`;
}

/** The headers of a load that say which columns it has, and which rows are deletions. */
export function loadHeaders(table: SinkTable, options: DorisSinkOptions): Record<string, string> {
  const isDoris = options.flavour === 'doris';
  const { partialColumns } = settingsOf(table);
  const version = versionColumnOf(table, options);
  const fields = [...table.columns.map(({ name }) => name), versionColumn, '_deleted'];
  const derived = [
    ...(version === versionColumn ? [] : [`${quoteName(version)} = ${quoteName(versionColumn)}`]),
    ...(isDoris && partialColumns ? ['__DORIS_DELETE_SIGN__ = `_deleted`'] : []),
    ...(isDoris ? [] : ['__op = `_deleted`']),
  ];
  return {
    columns: headerText([...fields.map(quoteName), ...derived].join(', ')),
    format: 'json',
    ...(isDoris ? { read_json_by_line: 'true' } : { ignore_json_size: 'true' }),
    ...(isDoris && !partialColumns && { merge_type: 'MERGE', delete: '`_deleted` = 1' }),
    ...(!isDoris && !partialColumns && { merge_condition: versionColumn }),
    ...(partialColumns && { [isDoris ? 'partial_columns' : 'partial_update']: 'true' }),
    // With some columns only, strict means that no row may be new.
    strict_mode: String(!partialColumns),
    max_filter_ratio: '0',
    // Values have no zone; whatever the store would assume must not matter.
    timezone: '+00:00',
  };
}

/** UTF-8, which a header carries byte by byte. */
function headerText(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}
