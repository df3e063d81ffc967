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

/** Reads the records of all tables, also those that another process has just written. */
export class ProgressReader {
  readonly #cluster: KafkaCluster;
  readonly #topic: string;
  readonly #records = new Map<string, TableRecord>();
  /** Records before it are known. */
  #next = 0;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(cluster: KafkaCluster, topic: string) {
    this.#cluster = cluster;
    this.#topic = topic;
  }

  /** As of now, by `SinkTable.source`; none when there is no topic. */
  read(): Promise<Map<string, TableRecord>> {
    const found = this.#turn.then(() => this.#read());
    this.#turn = found.catch(() => undefined);
    return found;
  }

  async #read(): Promise<Map<string, TableRecord>> {
    const topic = this.#topic;
    const description = (await this.#cluster.describeTopics([topic])).get(topic);
    const [bounds] = description === undefined ? [] : await this.#cluster.bounds(topic);
    const { low, high } = bounds ?? { low: 0, high: 0 };
    // Somebody has deleted it.
    if (high < this.#next) {
      this.#records.clear();
      this.#next = 0;
    }
    const span = { topic, partition: 0, offset: Math.max(low, this.#next), high };
    await readRecords(this.#cluster, [span], ({ key, value, offset }) => {
      this.#next = offset + 1;
      if (key === null) return;
      if (value === null) this.#records.delete(String(key));
      else this.#records.set(String(key), JSON.parse(String(value)) as TableRecord);
    });
    this.#next = Math.max(this.#next, high);
    return new Map(this.#records);
  }
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
