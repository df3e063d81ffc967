import { BatchSender, type PartitionLane } from '../../kafka/batch-sender.ts';
import type { KafkaCluster, RecordProducer } from '../../kafka/kafka-cluster.ts';
import { openKafkaCluster } from '../../kafka/kafkajs-cluster.ts';
import { partitionOf } from '../../kafka/murmur2.ts';
import { RecordBatchWriter } from '../../kafka/record-batch-writer.ts';
import type { Logger } from '../../ops/logger.ts';
import type { SinkTable } from '../sink-table.ts';
import { bytesAsText } from './byte-text.ts';
import type { RedisTrigger } from './options.ts';
import { deletedFate } from './row-change.ts';
import type { ReadRow } from './row-changes.ts';
import { isSmallInteger } from './scalar-form.ts';

/** A batch is sent at this size, uncompressed: below the 1 MB that brokers take by default. */
const batchBytes = 512 * 1024;

/** Key and value of a message; texts are bytes. */
export interface TriggerMessage {
  readonly key: string;
  readonly value: string;
}

/**
 * Tells followers which keys have changed. Messages of a key are in the order of its changes, and each is sent when Redis has
 * what it is about; after a crash some are sent again.
 */
export class Trigger implements AsyncDisposable {
  readonly #options: RedisTrigger;
  readonly #logger: Logger;
  #lines: Promise<Lines> | undefined;

  constructor(options: RedisTrigger, logger: Logger) {
    this.#options = options;
    this.#logger = logger;
  }

  /** Resolves when all in-sync replicas have all of them. */
  async send(messages: readonly TriggerMessage[]): Promise<void> {
    if (messages.length === 0) return;
    this.#lines ??= openLines(this.#options, this.#logger);
    const opening = this.#lines;
    try {
      await (await opening).send(messages);
    } catch (error) {
      // The producer is of no more use: which batches are stored is not known, and all are sent again.
      if (this.#lines === opening) this.#lines = undefined;
      await opening.then((lines) => lines.close()).catch(() => undefined);
      throw error;
    }
  }

  /** Throws what the cluster throws when it cannot be reached. */
  async check(): Promise<void> {
    await using cluster = await openKafkaCluster(this.#options, {
      clientId: 'strata-trigger',
      logger: this.#logger,
    });
    await cluster.describe();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#lines?.then((lines) => lines.close()).catch(() => undefined);
  }
}

/** One connection to the topic. Sends of several tables may run at the same time. */
class Lines {
  readonly #cluster: KafkaCluster;
  readonly #producer: RecordProducer;
  readonly #sender: BatchSender;
  readonly #lanes: readonly PartitionLane[];

  constructor(
    cluster: KafkaCluster,
    producer: RecordProducer,
    { topic, compression }: RedisTrigger,
    partitions: number,
  ) {
    this.#cluster = cluster;
    this.#producer = producer;
    this.#sender = new BatchSender(producer, compression);
    this.#lanes = Array.from({ length: partitions }, (_, partition) => ({
      topic,
      partition,
      batch: new RecordBatchWriter(),
      end: 0,
      turn: Promise.resolve(),
    }));
  }

  async send(messages: readonly TriggerMessage[]): Promise<void> {
    const sent: Promise<unknown>[] = [];
    const send = (lane: PartitionLane) => {
      const promise = this.#sender.send(lane);
      promise.catch(() => {}); // it is awaited below
      sent.push(promise);
    };
    const nowMs = Date.now();
    const filled = new Set<PartitionLane>();
    // All of this is one turn of the event loop, so no other table's messages come between.
    for (const { key, value } of messages) {
      const bytes = Buffer.from(key, 'latin1');
      const lane = this.#lanes[partitionOf(bytes, this.#lanes.length)] as PartitionLane;
      const { batch } = lane;
      batch.begin(nowMs);
      put(batch, key);
      batch.endKey();
      put(batch, value);
      batch.endValue();
      batch.endRecord();
      filled.add(lane);
      if (batch.bytes < batchBytes) continue;
      send(lane);
      filled.delete(lane);
    }
    for (const lane of filled) send(lane);
    await Promise.all(sent);
  }

  async close(): Promise<void> {
    await this.#producer[Symbol.asyncDispose]();
    await this.#cluster[Symbol.asyncDispose]();
  }
}

async function openLines(options: RedisTrigger, logger: Logger): Promise<Lines> {
  const { topic, partitions } = options;
  const cluster = await openKafkaCluster(options, { clientId: 'strata-trigger', logger });
  try {
    const found = (await cluster.describeTopics([topic])).get(topic);
    if (found === undefined) {
      await cluster.createTopics([{ topic, partitions, replication: undefined, settings: {} }]);
    }
    const producer = await cluster.openProducer({});
    return new Lines(cluster, producer, options, found?.partitions.length ?? partitions);
  } catch (error) {
    await cluster[Symbol.asyncDispose]();
    throw error;
  }
}

function put({ writer }: RecordBatchWriter, text: string): void {
  writer.reserve(text.length);
  writer.offset += writer.buffer.write(text, writer.offset, 'latin1');
}

/** The message about a row that has been written. */
export function triggerMessage(
  table: SinkTable,
  { change, texts }: ReadRow,
  key: RedisTrigger['key'],
): TriggerMessage {
  const value = JSON.stringify({
    table: bytesAsText(table.source),
    key: change.key,
    version: change.version,
    deleted: change.fate === deletedFate,
  });
  return { key: key === 'redis' ? change.key : rowKey(table, texts), value };
}

/** `{"id":7}`: small integers as numbers, everything else as texts. */
function rowKey({ columns, key }: SinkTable, texts: ReadRow['texts']): string {
  const members = key.map((name) => {
    const place = columns.findIndex((column) => column.name === name);
    const column = columns[place];
    const text = texts[place] ?? '';
    const value = column && isSmallInteger(column.type) ? text : JSON.stringify(text);
    return `${JSON.stringify(bytesAsText(name))}:${value}`;
  });
  return `{${members.join(',')}}`;
}
