import { CdcError, type Problem } from '../../errors.ts';
import type { KafkaRecord } from '../../kafka/kafka-cluster.ts';
import { controlMessageIn } from './control-message.ts';
import { asObject, parseObject } from './json-object.ts';
import type { KafkaSourceOptions } from './options.ts';
import { SchemaBook } from './schema-book.ts';
import type { TopicCluster } from './topic-cluster.ts';
import { TopicReader, undescribed } from './topic-reader.ts';
import { sampleTopic } from './topic-sample.ts';
import { type FoundTopics, findTopics } from './topic-set.ts';
import { isTopicPattern, matchesTopic, type TopicTable } from './topic-table.ts';

const sampledMessages = 20;

/** Everything that is wrong with brokers, topics and what a few messages of each look like. */
export async function checkTopics(
  options: KafkaSourceOptions,
  open: () => Promise<TopicCluster>,
): Promise<Problem[]> {
  let cluster: TopicCluster;
  let topics: FoundTopics;
  try {
    cluster = await open();
    topics = await findTopics(cluster, options.tables);
  } catch (error) {
    return [problemOf(error, options.brokers.join(','))];
  }
  const problems = checkEntries(options, topics);
  for (const [topic, { tables }] of topics) {
    problems.push(...checkFormats(topic, tables));
    try {
      problems.push(...(await checkMessages(cluster, topic, tables, options)));
    } catch (error) {
      problems.push(problemOf(error, topic));
    }
  }
  return problems;
}

function checkEntries({ tables }: KafkaSourceOptions, topics: FoundTopics): Problem[] {
  if (tables.length === 0) {
    return [
      {
        code: 'CDC_KAFKA_TOPIC_NOT_FOUND',
        where: 'source.tables',
        message: 'no topic is named',
        remedy: '`cdc topics` lists what the cluster has, `cdc topics add <topic>` adds one.',
        severity: 'error',
      },
    ];
  }
  return tables.flatMap((entry): Problem[] => {
    const found = [...topics.keys()].some((topic) => matchesTopic(entry, topic));
    if (found) return [];
    const isPattern = isTopicPattern(entry.topic);
    return [
      {
        code: 'CDC_KAFKA_TOPIC_NOT_FOUND',
        where: entry.topic,
        message: isPattern
          ? `no topic matches that gives a table name for ${entry.table} yet`
          : 'the topic does not exist',
        remedy: 'Check the name; `cdc topics` lists what the cluster has.',
        severity: isPattern ? 'warning' : 'error',
      },
    ];
  });
}

/** How a table is found in a message, and which of them, is the same for all entries of a topic. */
function checkFormats(topic: string, tables: readonly TopicTable[]): Problem[] {
  const problems: Problem[] = [];
  const error = { code: 'CDC_CONFIG_INVALID', where: topic, severity: 'error' } as const;
  if (new Set(tables.map(({ format }) => format)).size > 1) {
    problems.push({ ...error, message: 'its entries in source.tables have several formats' });
  }
  if (tables.length > 1 && tables[0]?.format === 'json') {
    const message = 'it has several entries in source.tables, and its messages name no table';
    problems.push({ ...error, message });
  }
  const names = tables.map(({ table, entry }) => entry.messageTable ?? table);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) {
    problems.push({ ...error, message: `two entries in source.tables are for ${twice}` });
  }
  return problems;
}

async function checkMessages(
  cluster: TopicCluster,
  topic: string,
  tables: readonly TopicTable[],
  { unmatched }: KafkaSourceOptions,
): Promise<Problem[]> {
  const records = await sampleTopic(cluster, topic, sampledMessages);
  const problems = new Map<string, Problem>();
  const excluded = new Set<string>();
  const book = new SchemaBook();
  const reader = new TopicReader({ topic, tables, book, unmatched, excluded, epoch: 0 });
  for (const record of records) {
    const problem = checkMessage(reader, topic, tables, record);
    if (problem !== undefined) problems.set(problem.message.replace(/\d+/g, ''), problem);
  }
  return [...problems.values()];
}

function checkMessage(
  reader: TopicReader,
  topic: string,
  tables: readonly TopicTable[],
  record: KafkaRecord,
): Problem | undefined {
  try {
    const placement = reader.place(record);
    const where = `${topic} offset ${record.offset}`;
    const warning = { code: 'CDC_MESSAGE_MALFORMED', where, severity: 'warning' } as const;
    if (placement.kind === 'refused') {
      const severity = placement.reason === undescribed ? 'error' : 'warning';
      return { ...warning, message: `cannot be placed: ${placement.reason}`, severity };
    }
    if (placement.kind !== 'line') return undefined;
    const table = tables.find((each) => each.table === placement.target.table);
    const message = parseObject(placement.value);
    if (table === undefined) return undefined;
    if (message === undefined) return { ...warning, message: 'is not a JSON object' };
    return checkFit(table, message, placement.value, where);
  } catch (error) {
    return problemOf(error, topic);
  }
}

/** What the sink would find with every message alike is an error here, before anything is loaded. */
function checkFit(
  table: TopicTable,
  message: Readonly<Record<string, unknown>>,
  value: Buffer,
  where: string,
): Problem | undefined {
  const error = { code: 'CDC_MESSAGE_MALFORMED', where, severity: 'error' } as const;
  if (controlMessageIn(value, table.format) !== undefined) return undefined;
  const needed = {
    debezium: ['op', 'source'],
    canal: ['type', 'data'],
    maxwell: ['type', 'data'],
    json: [],
  }[table.format];
  const missing = needed.filter((name) => message[name] === undefined);
  if (missing.length > 0) {
    return {
      ...error,
      message: `is not a message of ${table.format}: it has no ${missing.join(' and no ')}`,
      remedy: `Correct format of the entry for ${table.table}; \`cdc topics\` shows what messages look like.`,
    };
  }
  const source = table.format === 'debezium' ? asObject(message['source']) : message;
  const places = {
    binlog: table.format === 'debezium' ? ['file', 'pos'] : ['position'],
    lsn: ['lsn'],
    offset: [],
  }[table.version];
  const absent = places.filter((name) => source?.[name] === undefined || source[name] === null);
  if (absent.length > 0) {
    return {
      ...error,
      message: `does not name its ${table.version} (${absent.join(', ')}), which is to order the changes of ${table.table}`,
      remedy: `Set version of the entry for ${table.table} to ${absent.includes('file') && source?.['lsn'] !== undefined ? 'lsn' : 'offset'}.`,
    };
  }
  const key = table.entry.key?.filter((name) => !isInRow(table, message, name)) ?? [];
  if (key.length === 0) return undefined;
  return {
    ...error,
    message: `has no ${key.join(', ')}, which is in the key of ${table.table}`,
    remedy: `Correct key or the path of the column in the entry for ${table.table}.`,
  };
}

function isInRow(
  { format, entry }: TopicTable,
  message: Readonly<Record<string, unknown>>,
  name: string,
): boolean {
  const data = message['data'];
  const rows: Record<TopicTable['format'], unknown> = {
    debezium: message['after'] ?? message['before'],
    canal: Array.isArray(data) ? data[0] : undefined,
    maxwell: data,
    json: message,
  };
  const path = entry.columns?.find((column) => column.name === name)?.path ?? [name];
  let value: unknown = rows[format];
  for (const field of path) value = asObject(value)?.[field];
  return value !== undefined && value !== null;
}

function problemOf(error: unknown, where: string): Problem {
  if (!(error instanceof CdcError)) throw error;
  const { code, message, remedy } = error;
  return { code, where, message, remedy, severity: 'error' };
}
