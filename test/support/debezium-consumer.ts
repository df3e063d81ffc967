import kafkajs from 'kafkajs';
import { waitUntil } from './wait-until.ts';

const { Kafka, logLevel } = kafkajs;

/** A row as Debezium's JSON converter writes it. */
export type DebeziumRow = Readonly<Record<string, unknown>>;

interface Envelope {
  readonly op: 'c' | 'u' | 'd' | 'r' | 't';
  readonly before: DebeziumRow | null;
  readonly after: DebeziumRow | null;
  readonly source: { readonly table: string };
}

export interface TopicsRead {
  /** Current rows by table, then by the text of the message key. */
  readonly tables: ReadonlyMap<string, ReadonlyMap<string, DebeziumRow>>;
  /** Versions (header) of the records of each `topic/partition` that the stream wrote, in order. */
  readonly versions: ReadonlyMap<string, readonly bigint[]>;
  readonly records: number;
}

/**
 * What a consumer makes of topics who knows plain kafkajs and Debezium's envelope, and nothing of us: it
 * reads all of them from the beginning to their ends as of now and applies c, u, r, d and t.
 */
export async function readDebeziumTopics(
  brokers: readonly string[],
  topics: readonly string[],
): Promise<TopicsRead> {
  const kafka = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  const remaining = new Map<string, number>();
  for (const topic of topics) {
    for (const { partition, low, high } of await admin.fetchTopicOffsets(topic)) {
      if (Number(high) > Number(low)) remaining.set(`${topic}/${partition}`, Number(high));
    }
  }
  await admin.disconnect();
  const tables = new Map<string, Map<string, DebeziumRow>>();
  const versions = new Map<string, bigint[]>();
  let records = 0;
  let failure: unknown;
  const consumer = kafka.consumer({ groupId: `debezium-${Math.random()}` });
  consumer.on('consumer.crash', ({ payload }) => {
    if (!payload.restart) failure ??= payload.error;
  });
  await consumer.connect();
  await consumer.subscribe({ topics: [...topics], fromBeginning: true });
  await consumer.run({
    autoCommit: false,
    eachBatch: async ({ batch }) => {
      // kafkajs would begin again and again after an error.
      if (failure !== undefined) return;
      const place = `${batch.topic}/${batch.partition}`;
      for (const { key, value, headers } of batch.messages) {
        if (value === null) continue;
        records++;
        const version = headers?.['version']?.toString();
        if (version !== undefined && headers?.['transaction'] !== undefined) {
          const known = versions.get(place) ?? [];
          versions.set(place, known);
          known.push(BigInt(version));
        }
        try {
          apply(tables, key?.toString() ?? '', JSON.parse(value.toString()) as Envelope);
        } catch (error) {
          failure = error;
        }
      }
      const end = remaining.get(place);
      if (end !== undefined && Number(batch.lastOffset()) + 1 >= end) remaining.delete(place);
    },
  });
  try {
    // Control records at the end of a partition are counted by its offsets and never come.
    let before = -1;
    await waitUntil(
      'all topics are read',
      async () => {
        if (remaining.size === 0 || failure !== undefined) return true;
        const isQuiet = records === before && records > 0;
        before = records;
        await new Promise((resolve) => setTimeout(resolve, 1_500));
        return isQuiet;
      },
      60_000,
    );
  } finally {
    await consumer.disconnect();
  }
  if (failure !== undefined) throw failure;
  return { tables, versions, records };
}

function apply(
  tables: Map<string, Map<string, DebeziumRow>>,
  key: string,
  { op, before, after, source }: Envelope,
): void {
  const rows = tables.get(source.table) ?? new Map<string, DebeziumRow>();
  tables.set(source.table, rows);
  if (op === 't') rows.clear();
  else if (op === 'd') rows.delete(key);
  else if (after !== null) rows.set(key, after);
  if (op === 'u' && before === null) throw new Error(`an update of ${key} has no before`);
}
