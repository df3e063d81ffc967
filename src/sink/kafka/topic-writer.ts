import { BatchSender, type PartitionLane } from '../../kafka/batch-sender.ts';
import type { KafkaCluster, RecordProducer } from '../../kafka/kafka-cluster.ts';
import { readRecords } from '../../kafka/read-records.ts';
import { RecordBatchWriter } from '../../kafka/record-batch-writer.ts';
import { incompatibleTable } from '../sink-errors.ts';
import type { SinkTable } from '../sink-table.ts';
import type { KafkaSinkOptions } from './options.ts';
import {
  encodeTableRecord,
  type ProgressReader,
  type TableRecord,
  topicLost,
} from './progress-topic.ts';
import { isOwn } from './record-headers.ts';
import { maxMessageBytes, type SinkTopics } from './sink-topics.ts';
import { TopicTail } from './topic-tail.ts';

export interface TopicWriterContext {
  readonly cluster: KafkaCluster;
  readonly options: KafkaSinkOptions;
  readonly topics: SinkTopics;
  readonly progress: ProgressReader;
}

/** The topic of a table as its writer has it. */
export interface OpenTopic {
  readonly lanes: readonly PartitionLane[];
  /** What lies behind the table's record, from a writer that ended before it could store another. */
  readonly tail: TopicTail;
  /** The largest message it takes. */
  readonly maxBytes: number;
}

/**
 * The one writer of a sink's topics. Opening it shuts out every earlier one, so what the topics hold then is all that those have
 * written. After an error it is of no more use: the next writer finds out what is stored.
 */
export class TopicWriter implements AsyncDisposable {
  readonly sender: BatchSender;
  readonly #context: TopicWriterContext;
  readonly #producer: RecordProducer;
  readonly #records: Map<string, TableRecord>;
  readonly #fenced: Set<string>;
  readonly #open = new Map<string, Promise<OpenTopic>>();

  static async open(context: TopicWriterContext): Promise<TopicWriter> {
    const { cluster, topics } = context;
    const { progress } = topics;
    if ((await cluster.describeTopics([progress])).get(progress) === undefined) {
      await cluster.createTopics([topics.newProgressTopic()]);
    }
    const known = await context.progress.read();
    const producer = await cluster.openProducer({ writerId: `strata.${progress}` });
    try {
      const names = [...new Set([...known.values()].map(({ topic }) => topic))];
      const found = await cluster.describeTopics(names);
      const partitions = new Map([[progress, [0]]]);
      for (const [topic, description] of found) {
        const ids = description?.partitions.map(({ id }) => id);
        if (ids !== undefined) partitions.set(topic, ids);
      }
      await producer.fence(partitions);
      const records = await context.progress.read();
      return new TopicWriter(context, producer, records, new Set(partitions.keys()));
    } catch (error) {
      await producer[Symbol.asyncDispose]();
      throw error;
    }
  }

  private constructor(
    context: TopicWriterContext,
    producer: RecordProducer,
    records: Map<string, TableRecord>,
    fenced: Set<string>,
  ) {
    this.#context = context;
    this.#producer = producer;
    this.#records = records;
    this.#fenced = fenced;
    this.sender = new BatchSender(producer, context.options.compression);
  }

  get records(): ReadonlyMap<string, TableRecord> {
    return this.#records;
  }

  /** The topic of a table that has a record. Throws CDC_SINK_INCOMPATIBLE when it is not what the record says. */
  topic(source: string): Promise<OpenTopic> {
    const known = this.#open.get(source);
    if (known !== undefined) return known;
    const opened = this.#openTopic(source);
    this.#open.set(source, opened);
    opened.catch(() => this.#open.delete(source));
    return opened;
  }

  /** Creates the topic of a table if there is none, and its first record. Throws CDC_SINK_INCOMPATIBLE for a topic of others. */
  async begin(table: SinkTable): Promise<TableRecord> {
    const { cluster, topics } = this.#context;
    const wanted = topics.newTopic(table);
    const { topic } = wanted;
    const describe = async () => (await cluster.describeTopics([topic])).get(topic);
    const found = await describe();
    if (found === undefined) await cluster.createTopics([wanted]);
    else await assertOwn(cluster, topic, table.source);
    await this.#fence(topic, (found ?? (await describe()))?.partitions.map(({ id }) => id) ?? []);
    const ends = (await cluster.bounds(topic)).map(({ high }) => high);
    const record = { topic, table, ends };
    await this.keep(table.source, record);
    return record;
  }

  /** Stores what is known of a table; resolves when it is there to stay. */
  async keep(source: string, record: TableRecord | undefined): Promise<void> {
    const batch = await encodeTableRecord(source, record);
    await this.#producer.send(this.#context.topics.progress, 0, batch);
    if (record === undefined) {
      this.#records.delete(source);
      this.#open.delete(source);
    } else this.#records.set(source, record);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#producer[Symbol.asyncDispose]();
  }

  async #openTopic(source: string): Promise<OpenTopic> {
    const { cluster } = this.#context;
    const record = this.#records.get(source);
    if (record === undefined) throw new RangeError(`${source} has no record`);
    const { topic, ends } = record;
    const description = (await cluster.describeTopics([topic])).get(topic);
    if (description === undefined) throw topicLost(source, topic, 'was deleted');
    await this.#fence(
      topic,
      description.partitions.map(({ id }) => id),
    );
    const bounds = await cluster.bounds(topic);
    if (bounds.length !== ends.length) {
      // A key would be in two partitions, its changes in no order.
      throw topicLost(source, topic, `has ${bounds.length} partitions and had ${ends.length}`);
    }
    if (bounds.some(({ partition, high }) => high < (ends[partition] ?? 0))) {
      throw topicLost(source, topic, 'was deleted and created anew');
    }
    const tail = new TopicTail();
    const spans = bounds.map(({ partition, low, high }) => ({
      topic,
      partition,
      offset: Math.max(low, ends[partition] ?? 0),
      high,
    }));
    await readRecords(cluster, spans, (found) => {
      if (isOwn(found.headers, source)) tail.add(found);
    });
    const lanes = bounds.map(({ partition, high }) => ({
      topic,
      partition,
      end: high,
      batch: new RecordBatchWriter(),
      turn: Promise.resolve(),
    }));
    return { lanes, tail, maxBytes: maxMessageBytes(description) };
  }

  async #fence(topic: string, partitions: readonly number[]): Promise<void> {
    if (this.#fenced.has(topic)) return;
    await this.#producer.fence(new Map([[topic, partitions]]));
    this.#fenced.add(topic);
  }
}

/** Messages of others, those of a log among them, would be read as rows of the table. Looks at the first of each partition. */
async function assertOwn(cluster: KafkaCluster, topic: string, source: string): Promise<void> {
  for (const { partition, low, high } of await cluster.bounds(topic)) {
    if (low === high) continue;
    const place = { topic, partition, offset: low };
    const [answer] = await cluster.fetch([place], { maxBytes: 64 * 1024, maxWaitMs: 500 });
    const headers = answer?.records[0]?.headers;
    if (headers === undefined || isOwn(headers, source)) continue;
    throw incompatibleTable(source, `its topic ${topic} has messages that are not of this sink.`, {
      remedy: 'Give the sink another `prefix`, or the table another name (`overrides`, `to`).',
    });
  }
}
