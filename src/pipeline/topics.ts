import { readFile, rename, writeFile } from 'node:fs/promises';
import { isMap, isSeq, parseDocument, type YAMLMap } from 'yaml';
import { parseProject } from '../config/load-project.ts';
import type { ProjectConfig } from '../config/project-config.ts';
import { CdcError } from '../errors.ts';
import { openKafkaCluster } from '../kafka/kafkajs-cluster.ts';
import type { KafkaConnection } from '../kafka/options.ts';
import { nearestName } from '../lib/nearest-name.ts';
import type { Logger } from '../ops/logger.ts';
import { type InferredTable, inferTables } from '../source/kafka/infer-topic.ts';
import type { TopicTableOptions } from '../source/kafka/options.ts';
import type { TopicCluster } from '../source/kafka/topic-cluster.ts';
import { sampleTopic } from '../source/kafka/topic-sample.ts';
import { matchesTopic } from '../source/kafka/topic-table.ts';

/** A topic, and what some of its messages say. */
export interface TopicReport {
  readonly topic: string;
  readonly partitions: number;
  /** Between the first message there is and the end. */
  readonly messages: number;
  /** Newest messages that were looked at. */
  readonly sampled: number;
  /** Of those, how many are no JSON object. */
  readonly unreadable: number;
  readonly tables: readonly InferredTable[];
  /** Whether an entry of the project file takes it. */
  readonly isTaken: boolean;
}

export interface TopicsOptions {
  /** Topics whose names contain one of these; all when absent. */
  readonly names?: readonly string[];
  /** Messages to look at in each. */
  readonly sample: number;
  /** Entries that there are already. */
  readonly entries?: readonly TopicTableOptions[];
  readonly logger: Logger;
}

/** The topics of a cluster and what is in them. */
export async function discoverTopics(
  connection: KafkaConnection,
  options: TopicsOptions,
): Promise<TopicReport[]> {
  const { names, logger } = options;
  await using cluster = await openKafkaCluster(connection, { clientId: 'cdc-topics', logger });
  const all = await cluster.topics();
  const wanted = all.filter((topic) => names?.some((name) => topic.includes(name)) ?? true);
  const reports: TopicReport[] = [];
  for (const topic of wanted) reports.push(await describeTopic(cluster, topic, options));
  return reports;
}

async function describeTopic(
  cluster: TopicCluster,
  topic: string,
  { sample, entries = [] }: TopicsOptions,
): Promise<TopicReport> {
  const bounds = await cluster.bounds(topic);
  const records = await sampleTopic(cluster, topic, sample);
  return {
    topic,
    partitions: bounds.length,
    messages: bounds.reduce((sum, { low, high }) => sum + high - low, 0),
    sampled: records.length,
    ...inferTables(topic, records),
    isTaken: entries.some((entry) => matchesTopic(entry, topic)),
  };
}

export interface AddTopicOptions {
  readonly topic: string;
  /** Name in the warehouse; for a topic of several tables, which of them, as messages name it. */
  readonly table?: string;
  readonly key?: readonly string[];
  readonly owner?: string;
  readonly description?: string;
  readonly sample: number;
  readonly logger: Logger;
}

/** What was written into the project file. */
export interface AddedTopic {
  readonly topic: string;
  readonly file: string;
  readonly sampled: number;
  readonly unreadable: number;
  readonly entries: readonly TopicTableOptions[];
  readonly notes: readonly string[];
}

/**
 * Writes the entries of a topic into the project file, whose comments stay. Throws CDC_USAGE for a topic
 * that cannot be described, CDC_KAFKA_TOPIC_NOT_FOUND, CDC_CONFIG_INVALID for a file that it would break.
 */
export async function addTopic(
  config: ProjectConfig,
  options: AddTopicOptions,
): Promise<AddedTopic> {
  const { source } = config;
  if (source.type !== 'kafka') {
    throw new CdcError('CDC_USAGE', `The source of ${config.name} is ${source.type}, not topics.`, {
      remedy: 'Run it in a project with `source: { type: kafka }`; see `cdc template list`.',
    });
  }
  const report = await reportOf(source, options);
  const chosen = choose(report, options);
  const entries = chosen.map((table) => entryOf(table, report, options));
  const twice = entries.find(({ topic, table }) =>
    source.tables.some((known) => known.topic === topic && known.table === table),
  );
  if (twice !== undefined) {
    throw new CdcError('CDC_USAGE', `${twice.topic} has an entry for ${twice.table} already.`, {
      remedy: `Change it in ${config.file}, or name another table with --table.`,
    });
  }
  await writeEntries(config.file, entries);
  const { topic, sampled, unreadable } = report;
  const notes = chosen.flatMap((table) => table.notes);
  return { topic, file: config.file, sampled, unreadable, entries, notes };
}

async function reportOf(
  connection: KafkaConnection,
  { topic, sample, logger }: AddTopicOptions,
): Promise<TopicReport> {
  await using cluster = await openKafkaCluster(connection, { clientId: 'cdc-topics', logger });
  const names = await cluster.topics();
  if (!names.includes(topic)) {
    const nearest = nearestName(topic, names);
    throw new CdcError('CDC_KAFKA_TOPIC_NOT_FOUND', `There is no topic ${topic}.`, {
      details: { topic },
      ...(nearest !== undefined && {
        remedy: `Did you mean ${nearest}? \`cdc topics\` lists all.`,
      }),
    });
  }
  return await describeTopic(cluster, topic, { sample, logger });
}

/** The tables of the topic that are to be added. */
function choose(report: TopicReport, { table }: AddTopicOptions): readonly InferredTable[] {
  const { tables, topic, sampled } = report;
  if (tables.length === 0) {
    const why =
      sampled === 0 ? 'it has no messages' : `none of ${sampled} messages is a JSON object`;
    throw new CdcError('CDC_USAGE', `Nothing can be said about ${topic}: ${why}.`, {
      remedy: 'Write its entry by hand: docs/config.md, source, type: kafka.',
    });
  }
  if (table === undefined || tables.length === 1) return tables;
  const named = tables.filter(({ messageTable }) => messageTable === table);
  if (named.length > 0) return named;
  const found = tables.map(({ messageTable }) => messageTable ?? 'messages without a table');
  throw new CdcError('CDC_USAGE', `${topic} has no messages about ${table}.`, {
    remedy: `Name one of: ${found.join(', ')}.`,
  });
}

function entryOf(
  inferred: InferredTable,
  { topic }: TopicReport,
  options: AddTopicOptions,
): TopicTableOptions {
  const { format, messageTable, columns, saysColumns } = inferred;
  const table = options.table ?? inferred.table;
  const key = options.key ?? (saysColumns ? undefined : inferred.key);
  const isShared = format === 'maxwell' || format === 'canal';
  return {
    topic,
    table,
    format,
    ...(isShared && messageTable !== undefined && messageTable !== table && { messageTable }),
    ...(key !== undefined && { key: [...key] }),
    ...(!saysColumns && {
      columns: columns.map(({ path, ...column }) => ({
        ...column,
        nullable: !(key ?? []).includes(column.name),
        ...(path && { path: [...path] }),
      })),
    }),
    ...(inferred.version !== usualVersion(format) && { version: inferred.version }),
    ...(options.owner !== undefined && { owner: options.owner }),
    ...(options.description !== undefined && { description: options.description }),
  };
}

function usualVersion(format: InferredTable['format']): InferredTable['version'] {
  return format === 'debezium' ? 'binlog' : 'offset';
}

async function writeEntries(file: string, entries: readonly TopicTableOptions[]): Promise<void> {
  const document = parseDocument(await readFile(file, 'utf8'));
  const tables = document.getIn(['source', 'tables']);
  const list = isSeq(tables) ? tables : document.createNode([]);
  if (isSeq(list)) {
    list.flow = false;
    for (const entry of entries) {
      const node = document.createNode(shortEntry(entry)) as YAMLMap;
      const columns = node.get('columns');
      for (const column of isSeq(columns) ? columns.items : [])
        if (isMap(column)) column.flow = true;
      const key = node.get('key');
      if (isSeq(key)) key.flow = true;
      list.add(node);
    }
  }
  document.setIn(['source', 'tables'], list);
  const text = document.toString({ lineWidth: 0, flowCollectionPadding: true });
  const { problems } = parseProject(text, { file, label: file, environment: process.env });
  const broken = problems.filter(({ message }) => message.includes('source.tables'));
  if (broken.length > 0) {
    throw new CdcError(
      'CDC_CONFIG_INVALID',
      `Adding to ${file} would break it: ${broken.map(({ message }) => message).join('; ')}`,
      { remedy: 'Name a key with --key, or write the entry by hand.' },
    );
  }
  await writeFile(`${file}.new`, text);
  await rename(`${file}.new`, file);
}

/** What is a default is not written; a column is one line. */
function shortEntry({ columns, ...entry }: TopicTableOptions): object {
  if (columns === undefined) return entry;
  return {
    ...entry,
    columns: columns.map(({ nullable, ...column }) => ({
      ...column,
      ...(!nullable && { nullable }),
    })),
  };
}
