import { CdcError, type Problem } from '../../errors.ts';
import type { KafkaRecord } from '../../kafka/kafka-cluster.ts';
import { asObject, parseObject } from './json-object.ts';
import type { KafkaSourceOptions } from './options.ts';
import { SchemaBook } from './schema-book.ts';
import type { TopicCluster } from './topic-cluster.ts';
import { TopicReader, undescribed } from './topic-reader.ts';
import { sampleTopic } from './topic-sample.ts';
import type { TopicTable } from './topic-table.ts';

const sampledMessages = 20;

interface Misfit {
  readonly message: string;
  readonly remedy?: string;
}

/** What one message says about the entry it belongs to. */
interface Finding {
  /** Undefined: the entry fits. */
  readonly problem: Problem | undefined;
  /** Undefined: the message is about no table of the topic. */
  readonly table: string | undefined;
}

/**
 * Looks at the newest messages of a topic. What is wrong with all that are about a table is wrong with its
 * entry; a message that is wrong among right ones will be a dead letter, and that is a warning.
 */
export async function checkMessages(
  cluster: TopicCluster,
  topic: string,
  tables: readonly TopicTable[],
  { unmatched }: Pick<KafkaSourceOptions, 'unmatched'>,
): Promise<Problem[]> {
  const book = new SchemaBook();
  const excluded = new Set<string>();
  const reader = new TopicReader({ topic, tables, book, unmatched, excluded, epoch: 0 });
  const records = await sampleTopic(cluster, topic, sampledMessages);
  const findings = records.flatMap((record) => checkMessage(reader, topic, tables, record) ?? []);
  const fitting = new Set(
    findings.filter(({ problem }) => problem === undefined).map(({ table }) => table),
  );
  const problems = new Map<string, Problem>();
  for (const { problem, table } of findings) {
    if (problem === undefined) continue;
    const isOfEntry = table !== undefined && !fitting.has(table);
    const severity = isOfEntry ? 'error' : 'warning';
    problems.set(problem.message.replace(/\d+/g, ''), { ...problem, severity });
  }
  return [...problems.values()];
}

function checkMessage(
  reader: TopicReader,
  topic: string,
  tables: readonly TopicTable[],
  record: KafkaRecord,
): Finding | undefined {
  const found = { code: 'CDC_MESSAGE_MALFORMED', severity: 'error' } as const;
  const where = `${topic} offset ${record.offset}`;
  try {
    const placement = reader.place(record);
    if (placement.kind === 'refused') {
      const { reason, target } = placement;
      const table = reason === undescribed ? target.table : undefined;
      return { table, problem: { ...found, where, message: `cannot be placed: ${reason}` } };
    }
    const table = tables.find(
      (each) => placement.kind === 'line' && each.table === placement.target.table,
    );
    if (placement.kind !== 'line' || table === undefined) return undefined;
    const message = parseObject(placement.value);
    const misfit = message ? misfitOf(table, message) : { message: 'is not a JSON object' };
    return { table: table.table, problem: misfit && { ...found, where, ...misfit } };
  } catch (error) {
    if (!(error instanceof CdcError)) throw error;
    const { code, message, remedy, details } = error;
    const table = String(details['table'] ?? '');
    return { table, problem: { ...found, code, where: topic, message, remedy } };
  }
}

/** What the sink would find as well, found before anything is loaded. */
function misfitOf(
  table: TopicTable,
  message: Readonly<Record<string, unknown>>,
): Misfit | undefined {
  const needed = {
    debezium: ['op', 'source'],
    canal: ['type', 'data'],
    maxwell: ['type', 'data'],
    json: [],
  }[table.format];
  const missing = needed.filter((name) => message[name] === undefined);
  if (missing.length > 0) {
    return {
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
      message: `does not name its ${table.version} (${absent.join(', ')}), which is to order the changes of ${table.table}`,
      remedy: `Set version of the entry for ${table.table} to ${absent.includes('file') && source?.['lsn'] !== undefined ? 'lsn' : 'offset'}.`,
    };
  }
  const key = table.entry.key?.filter((name) => !isInRow(table, message, name)) ?? [];
  if (key.length === 0) return undefined;
  return {
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
