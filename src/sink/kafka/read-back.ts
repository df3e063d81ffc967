import type { FetchPlace, KafkaCluster, KafkaRecord } from '../../kafka/kafka-cluster.ts';
import { type RecordSpan, readRecords } from '../../kafka/read-records.ts';
import { incompatibleTable } from '../sink-errors.ts';
import type { SinkTable } from '../sink-table.ts';
import { tsvText } from '../tsv-text.ts';
import { messageText, rowOf } from './message-values.ts';
import type { KafkaSinkOptions } from './options.ts';
import { recordHeader } from './record-headers.ts';
import { messageColumns } from './type-map.ts';

const fetchOptions = { maxBytes: 8 * 1024 ** 2, maxWaitMs: 500 } as const;

interface LastMessage {
  readonly offset: number;
  readonly version: string;
}

/**
 * The last message of each key of a partition unless it has no value or `isRow` says no, by the key's bytes as Latin-1. A key is in one partition, so one at a time is enough
 * to have in memory.
 */
export async function lastMessages(
  cluster: KafkaCluster,
  span: RecordSpan,
  isRow: (value: Buffer) => boolean = () => true,
): Promise<Map<string, LastMessage>> {
  const last = new Map<string, LastMessage>();
  await readRecords(cluster, [span], ({ key, value, offset, headers }) => {
    if (key === null) return;
    const version = String(headers[recordHeader.version] ?? '0');
    if (value === null || !isRow(value)) last.delete(key.toString('latin1'));
    else last.set(key.toString('latin1'), { offset, version });
  });
  return last;
}

/** The rows that a topic leaves, as lines of TabSeparated; see `Sink.readBack`. */
export async function* readTopic(
  cluster: KafkaCluster,
  topic: string,
  table: SinkTable,
  { format, compaction }: KafkaSinkOptions,
): AsyncGenerator<Buffer, void> {
  const describe = messageColumns(format);
  const columns = table.columns.map((column) => ({ name: column.name, ...describe(column) }));
  const lineOf = ({ value, headers }: KafkaRecord): string => {
    const row = value === null ? undefined : rowOf(value.toString('utf8'), format.type);
    if (row === undefined) return '';
    const texts = columns.map(({ name, ...column }) =>
      tsvText(messageText(row.get(name) ?? 'null', column)),
    );
    return `${[...texts, String(headers[recordHeader.version] ?? '0')].join('\t')}\n`;
  };
  for (const { partition, low, high } of await cluster.bounds(topic)) {
    if (low > 0 && !compaction) throw incomplete(table, topic, partition, low);
    const span = { topic, partition, offset: low, high };
    const last = await lastMessages(cluster, span);
    const wanted = new Set([...last.values()].map(({ offset }) => offset));
    for await (const records of portions(cluster, span)) {
      const lines = records.filter(({ offset }) => wanted.has(offset)).map(lineOf);
      yield Buffer.from(lines.join(''));
    }
  }
}

async function* portions(
  cluster: KafkaCluster,
  { high, ...from }: RecordSpan,
): AsyncGenerator<readonly KafkaRecord[], void> {
  for (let place: FetchPlace = from; place.offset < high; ) {
    const [answer] = await cluster.fetch([place], fetchOptions);
    if (answer === undefined) continue;
    yield answer.records;
    place = { ...place, offset: answer.nextOffset };
  }
}

function incomplete(table: SinkTable, topic: string, partition: number, low: number) {
  return incompatibleTable(
    table.source,
    `partition ${partition} of its topic ${topic} begins at offset ${low}: which rows it leaves is not known any more.`,
    { remedy: 'Topics can be compared while they have all messages, or with `compaction: true`.' },
  );
}
