import { CdcError } from '../../errors.ts';
import type { KafkaCluster } from '../../kafka/kafka-cluster.ts';
import { readRecords } from '../../kafka/read-records.ts';
import type { SealedBatch } from '../../kafka/record-batch.ts';
import { RecordBatchWriter } from '../../kafka/record-batch-writer.ts';
import type { Progress } from '../sink.ts';
import type { SinkTable } from '../sink-table.ts';

/** What the progress topic says of a table: its newest record, a JSON value whose key is `SinkTable.source`. */
export interface TableRecord {
  readonly topic: string;
  /** As the messages in the topic have it. */
  readonly table: SinkTable;
  /** For each partition the offset behind the last record that belongs to `progress`. */
  readonly ends: readonly number[];
  /** Absent: nothing was written yet. */
  readonly progress?: Progress;
  /** Rows of the last batch that no message could hold (`_row`, staged-rows.ts). */
  readonly refused?: readonly string[];
}

/** All tables; also those that another process has just written. */
export async function readTableRecords(
  cluster: KafkaCluster,
  topic: string,
): Promise<Map<string, TableRecord>> {
  const found = new Map<string, TableRecord>();
  const description = (await cluster.describeTopics([topic])).get(topic);
  if (description === undefined) return found;
  const [bounds] = await cluster.bounds(topic);
  if (bounds === undefined) return found;
  const { low, high } = bounds;
  await readRecords(cluster, [{ topic, partition: 0, offset: low, high }], ({ key, value }) => {
    if (key === null) return;
    if (value === null) found.delete(String(key));
    else found.set(String(key), JSON.parse(String(value)) as TableRecord);
  });
  return found;
}

/** `record` undefined: the table is forgotten. */
export async function encodeTableRecord(
  source: string,
  record: TableRecord | undefined,
): Promise<SealedBatch> {
  const batch = new RecordBatchWriter();
  const put = (text: string) => {
    const bytes = Buffer.from(text);
    batch.writer.reserve(bytes.length);
    batch.writer.offset += bytes.copy(batch.writer.buffer, batch.writer.offset);
  };
  batch.begin(Date.now());
  put(source);
  batch.endKey();
  if (record === undefined) batch.nullValue();
  else {
    put(JSON.stringify(record));
    batch.endValue();
  }
  batch.endRecord();
  return await batch.seal('none');
}

/** A topic that somebody has deleted, emptied or changed under our feet. */
export function topicLost(source: string, topic: string, why: string, cause?: unknown): CdcError {
  return new CdcError('CDC_SINK_INCOMPATIBLE', `Table ${source}: its topic ${topic} ${why}.`, {
    ...(cause !== undefined && { cause }),
    details: { table: source, topic },
  });
}
