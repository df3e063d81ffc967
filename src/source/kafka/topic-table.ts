import {
  defaultEncoding,
  type MessageFormat,
  type MessageLayout,
  type ValueEncoding,
} from '../../change/message-layout.ts';
import type { TableId } from '../../change/table-id.ts';
import type { ColumnType, TableSchema } from '../../change/table-schema.ts';
import { CdcError } from '../../errors.ts';
import { schemaVersion } from '../mysql/type-map.ts';
import { isBooleanWords, parseColumnWords } from './column-words.ts';
import { filebeatColumns } from './filebeat-columns.ts';
import type { MessageColumn, MessageSchema } from './message-schema.ts';
import type { ColumnOptions, TopicTableOptions } from './options.ts';

/** An entry of the project file for one topic: the table its messages fill. */
export interface TopicTable {
  readonly topic: string;
  readonly table: TableId;
  readonly entry: TopicTableOptions;
  readonly format: MessageFormat;
  readonly version: 'binlog' | 'lsn' | 'offset';
  /** The columns of the project file; undefined where messages say them. */
  readonly declared: MessageSchema | undefined;
  /** Columns that identify a message rather than a row; the key of messages without one. */
  readonly placeColumns: readonly MessageColumn[];
}

/** The entry for a topic that its pattern matches; undefined when it does not, or gives no table name. */
export function topicTableOf(entry: TopicTableOptions, topic: string): TopicTable | undefined {
  const match = patternOf(entry.topic).exec(topic);
  if (match === null) return undefined;
  let star = 0;
  const table = entry.table.replaceAll('*', () => match[++star] ?? '');
  if (!/^[^.\s]+\.[^.\s]+$/.test(table)) return undefined;
  const format = entry.format === 'filebeat' ? 'json' : entry.format;
  const placeColumns = format === 'json' && entry.key === undefined ? placeColumnsOf(entry) : [];
  const version = entry.version ?? (format === 'debezium' ? 'binlog' : 'offset');
  const declared = declaredSchema(entry, format, placeColumns);
  return { topic, table, entry, format, version, declared, placeColumns };
}

export function matchesTopic(entry: TopicTableOptions, topic: string): boolean {
  return patternOf(entry.topic).test(topic);
}

export function isTopicPattern(topic: string): boolean {
  return /[*?]/.test(topic);
}

/** The schema of a table from what its messages or its entry say. Throws CDC_TABLE_NO_PRIMARY_KEY. */
export function schemaOf({ table, entry }: TopicTable, schema: MessageSchema): TableSchema {
  const key = entry.key ?? schema.key ?? [];
  const unknown = key.find((name) => !schema.columns.some((column) => column.name === name));
  if (key.length === 0 || unknown !== undefined) {
    const why =
      unknown === undefined ? 'say no key' : `have no column ${unknown}, which is in the key`;
    throw new CdcError('CDC_TABLE_NO_PRIMARY_KEY', `Reading ${table}: its messages ${why}.`, {
      details: { table },
      remedy: `Name the columns that identify a row under key of ${table} in source.tables.`,
    });
  }
  const columns = schema.columns.map(({ name, type, nullable, sourceType, comment }) => ({
    name,
    type,
    nullable: nullable && !key.includes(name),
    sourceType,
    ...(comment !== undefined && { comment }),
  }));
  const comment = [entry.description, entry.owner && `owner: ${entry.owner}`].filter(Boolean);
  return {
    table,
    version: schemaVersion(columns, key),
    columns,
    key,
    ...(comment.length > 0 && { comment: comment.join('; ') }),
    // Partitions are read side by side, so versions do not come in order.
    arrival: true,
  };
}

/** How messages of the table are written, by the columns they say or the project file declares. */
export function layoutOf(table: TopicTable, schema: MessageSchema): MessageLayout {
  const encodings: Record<string, ValueEncoding> = {};
  const paths: Record<string, readonly string[]> = {};
  for (const { name, type, encoding, path } of schema.columns) {
    if (encoding !== undefined && encoding !== defaultEncoding(table.format, type)) {
      encodings[name] = encoding;
    }
    if (path !== undefined) paths[name] = path;
  }
  return {
    format: table.format,
    ...(Object.keys(encodings).length > 0 && { encodings }),
    ...(Object.keys(paths).length > 0 && { paths }),
    version: table.version === 'offset' ? 'line' : table.version,
  };
}

/** Columns of the project file, with the encodings of the message's own where it does not say any. */
export function withEncodings(declared: MessageSchema, found: MessageSchema | undefined) {
  if (found === undefined) return declared;
  const known = new Map(found.columns.map(({ name, encoding }) => [name, encoding]));
  const columns = declared.columns.map((column) => ({
    ...column,
    encoding: column.encoding ?? known.get(column.name),
  }));
  return { ...declared, columns };
}

function declaredSchema(
  entry: TopicTableOptions,
  format: MessageFormat,
  placeColumns: readonly MessageColumn[],
): MessageSchema | undefined {
  const own =
    entry.columns?.map((column) => declaredColumn(column, format)) ??
    (entry.format === 'filebeat' ? filebeatColumns : undefined);
  if (own === undefined) return undefined;
  const key = entry.key ?? placeColumns.map(({ name }) => name);
  return { columns: [...own, ...placeColumns], key };
}

function declaredColumn(column: ColumnOptions, format: MessageFormat): MessageColumn {
  const { name, type: words, nullable, path, encoding } = column;
  const type = parseColumnWords(words);
  if (type === undefined) throw new CdcError('CDC_INTERNAL', `Not a column type: ${words}.`);
  return {
    name,
    type,
    nullable,
    sourceType: words,
    encoding: encoding ?? usualEncoding(words, type, format),
    ...(path !== undefined && { path }),
  };
}

/** Where an application writes values as JSON does; tools that write MySQL's text are as their format says. */
function usualEncoding(
  words: string,
  type: ColumnType,
  format: MessageFormat,
): ValueEncoding | undefined {
  if (isBooleanWords(words) && (format === 'json' || format === 'debezium')) return 'boolean';
  return type.kind === 'json' && format === 'json' ? 'value' : undefined;
}

/** Messages of several topics in one table are told apart by the topic, too. */
function placeColumnsOf(entry: TopicTableOptions): MessageColumn[] {
  const integer = { kind: 'int', bits: 64, unsigned: false } as const;
  const column = { nullable: false, encoding: undefined };
  const topic: MessageColumn = {
    ...column,
    name: '_topic',
    type: { kind: 'string' },
    sourceType: 'text',
    path: ['', 'q'],
  };
  const merges = isTopicPattern(entry.topic) && !entry.table.includes('*');
  return [
    ...(merges ? [topic] : []),
    { ...column, name: '_partition', type: integer, sourceType: 'bigint', path: ['', 'p'] },
    { ...column, name: '_offset', type: integer, sourceType: 'bigint', path: ['', 'o'] },
  ];
}

function patternOf(pattern: string): RegExp {
  const escaped = pattern.replace(/[\\^$.|+()[\]{}]/g, '\\$&');
  return new RegExp(`^${escaped.replaceAll('*', '(.*)').replaceAll('?', '.')}$`);
}
