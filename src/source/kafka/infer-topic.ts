import { renderColumnWords } from '../../change/column-words.ts';
import type { KafkaRecord } from '../../kafka/kafka-cluster.ts';
import { keyOf, readBlockSchema } from './block-schema.ts';
import { readCanalSchema } from './canal-schema.ts';
import { filebeatColumns } from './filebeat-columns.ts';
import { type InferredColumn, inferColumns } from './infer-columns.ts';
import { asObject, type JsonObject, parseObject } from './json-object.ts';
import type { MessageSchema } from './message-schema.ts';
import type { TopicFormat } from './options.ts';
import { type RecognisedMessage, recogniseMessage } from './recognise-format.ts';
import { connectPrefix, payloadAfter } from './schema-bytes.ts';

/** What some messages of a topic say about one table. */
export interface InferredTable {
  /** A name for it in the warehouse. */
  readonly table: string;
  readonly format: TopicFormat;
  /** As messages name it; undefined when they do not. */
  readonly messageTable: string | undefined;
  readonly columns: readonly InferredColumn[];
  /** Messages say the columns themselves, so a project file need not. */
  readonly saysColumns: boolean;
  /** Undefined: nothing suggests one. */
  readonly key: readonly string[] | undefined;
  readonly version: 'binlog' | 'lsn' | 'offset';
  /** Messages that this is made of. */
  readonly messages: number;
  /** What a person should look at. */
  readonly notes: readonly string[];
}

interface Sampled extends RecognisedMessage {
  readonly record: KafkaRecord;
}

/** The tables in messages of a topic, and how many messages are no JSON object. */
export function inferTables(
  topic: string,
  records: readonly KafkaRecord[],
): { tables: InferredTable[]; unreadable: number } {
  const groups = new Map<string, Sampled[]>();
  let unreadable = 0;
  for (const record of records) {
    const value = parseObject(record.value);
    if (value === undefined) {
      unreadable++;
      continue;
    }
    const recognised = recogniseMessage(value);
    const group = `${recognised.format} ${recognised.table ?? ''}`;
    groups.set(group, [...(groups.get(group) ?? []), { ...recognised, record }]);
  }
  const tables = [...groups.values()].flatMap((group) => inferTable(topic, group) ?? []);
  return { tables: tables.sort((left, right) => right.messages - left.messages), unreadable };
}

function inferTable(topic: string, group: readonly Sampled[]): InferredTable | undefined {
  const [first] = group;
  if (first === undefined) return undefined;
  const { format, table: messageTable } = first;
  const said = group.map(schemaOf).find((schema) => schema !== undefined);
  const rows = group.flatMap((sampled) => rowsOf(sampled));
  if (said === undefined && rows.length === 0) return undefined;
  const columns = said?.columns.map(shownColumn) ?? columnsFor(format, rows);
  const key = said?.key ?? keyFor(group, rows, columns);
  const notes: string[] = [];
  if (said === undefined && format !== 'filebeat') {
    notes.push(`columns are inferred from ${rows.length} rows: look at their types`);
  }
  if (said === undefined && format === 'debezium') {
    notes.push(
      'without schema blocks dates are numbers and exact decimals base64: name their types',
    );
  }
  if (key === undefined && format !== 'filebeat') {
    notes.push(
      format === 'json'
        ? 'no key was found: every message becomes a row of its own'
        : 'no key was found: name one',
    );
  }
  return {
    table: messageTable ?? tableNameFor(topic),
    format,
    messageTable,
    columns,
    saysColumns: said !== undefined || format === 'filebeat',
    key,
    version: versionFor(group),
    messages: group.length,
    notes,
  };
}

function schemaOf({ format, hasSchemaBlock, record, table }: Sampled): MessageSchema | undefined {
  const { key, value } = record;
  if (value === null) return undefined;
  if (format === 'canal') {
    return readCanalSchema(table ?? '', { description: value, key, value });
  }
  const prefix = hasSchemaBlock ? connectPrefix(value) : undefined;
  if (prefix === undefined) return undefined;
  return readBlockSchema(table ?? '', {
    description: prefix,
    key,
    value: payloadAfter(prefix, value),
  });
}

function rowsOf({ format, message }: Sampled): JsonObject[] {
  const { after, before, data, type } = message;
  if (format === 'json' || format === 'filebeat') return [message];
  const isRow =
    format !== 'maxwell' || /^(bootstrap-)?insert$|^update$|^delete$/.test(String(type));
  const row = format === 'debezium' ? (asObject(after) ?? asObject(before)) : asObject(data);
  return isRow && row !== undefined ? [row] : [];
}

/** An object in a row of a tool is one column of the database; in an application's message it is a group. */
function columnsFor(format: TopicFormat, rows: readonly JsonObject[]): InferredColumn[] {
  if (format === 'filebeat') return filebeatColumns.map(shownColumn);
  return inferColumns(rows, format === 'json' ? 3 : 1);
}

function shownColumn({
  name,
  type,
  encoding,
  path,
}: MessageSchema['columns'][number]): InferredColumn {
  const words = renderColumnWords(type);
  return { name, type: words, ...(path && { path }), ...(encoding && { encoding }) };
}

/** From the message's key, or a column that every row has another value of. */
function keyFor(
  group: readonly Sampled[],
  rows: readonly JsonObject[],
  columns: readonly InferredColumn[],
): string[] | undefined {
  const names = columns.filter(({ path }) => path === undefined).map(({ name }) => name);
  const [first] = group;
  const said = keyOf(first?.record.key ?? null)?.map((name) => name.replace(/^pk\./, ''));
  const own = said?.filter((name) => name !== 'database' && name !== 'table');
  if (own !== undefined && own.length > 0 && own.every((name) => names.includes(name))) return own;
  const asText = group.map(({ record, message }) => [record.key?.toString(), message] as const);
  const same = names.find((name) =>
    asText.every(([key, message]) => key !== undefined && key === String(message[name])),
  );
  if (same !== undefined) return [same];
  const usual = ['id', 'uuid', '_id'].find(
    (name) => names.includes(name) && rows.every((row) => (row[name] ?? null) !== null),
  );
  return usual === undefined ? undefined : [usual];
}

function versionFor(group: readonly Sampled[]): InferredTable['version'] {
  const has = (test: (message: JsonObject) => unknown) =>
    group.every(({ message }) => test(message) !== undefined && test(message) !== null);
  const [first] = group;
  if (first?.format === 'debezium') {
    if (has((message) => asObject(message['source'])?.['file'])) return 'binlog';
    return has((message) => asObject(message['source'])?.['lsn']) ? 'lsn' : 'offset';
  }
  return first?.format === 'maxwell' && has((message) => message['position']) ? 'binlog' : 'offset';
}

/** `app.web.orders` -> `app_web.orders`, `orders` -> `topics.orders`. */
function tableNameFor(topic: string): string {
  const parts = topic.split('.').map((part) => part.replace(/[^A-Za-z0-9_]+/g, '_'));
  const last = parts.pop() ?? topic;
  return `${parts.filter(Boolean).join('_') || 'topics'}.${last}`;
}
