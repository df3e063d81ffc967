import { CdcError } from '../../src/errors.ts';
import type {
  FetchedRecords,
  FetchOptions,
  FetchPlace,
  KafkaCluster,
  KafkaRecord,
  NewTopic,
  PartitionBounds,
  RecordProducer,
  TopicDescription,
} from '../../src/kafka/kafka-cluster.ts';
import type { SealedBatch } from '../../src/kafka/record-batch.ts';
import { decodeByKafkajs } from '../unit/kafka/kafkajs-protocol.ts';
import { waitUntil } from './wait-until.ts';

interface MemoryTopic {
  readonly settings: ReadonlyMap<string, string>;
  readonly partitions: MemoryPartition[];
}

interface MemoryPartition {
  /** Holes are control records. */
  readonly records: (KafkaRecord | undefined)[];
  low: number;
  /** Producers of an older epoch are refused. */
  epoch: number;
}

/** What befalls a batch: an error before it is stored, or after. */
export type Fault = 'before' | 'after' | undefined;

/** The brokers of a Kafka cluster as far as `KafkaCluster` shows them, in this process. */
export class MemoryKafka {
  readonly topics = new Map<string, MemoryTopic>();
  /** Asked for each batch; a fault ends its producer for good. */
  fault: (topic: string) => Fault = () => undefined;
  #epochs = 0;

  cluster(): KafkaCluster {
    return new MemoryCluster(this);
  }

  partition(topic: string, partition: number): MemoryPartition {
    const found = this.topics.get(topic)?.partitions[partition];
    if (found !== undefined) return found;
    throw new CdcError('CDC_KAFKA_TOPIC_NOT_FOUND', `There is no ${topic}.`, {
      details: { topic },
    });
  }

  nextEpoch(): number {
    return ++this.#epochs;
  }

  /** All records of a topic, partition after partition. */
  records(topic: string): KafkaRecord[] {
    const { partitions = [] } = this.topics.get(topic) ?? {};
    return partitions.flatMap(({ records }) => records.filter((record) => record !== undefined));
  }
}

class MemoryCluster implements KafkaCluster {
  readonly #kafka: MemoryKafka;

  constructor(kafka: MemoryKafka) {
    this.#kafka = kafka;
  }

  async describe() {
    return { clusterId: 'memory', brokers: ['memory:0'] };
  }

  async topics(): Promise<string[]> {
    return [...this.#kafka.topics.keys()];
  }

  async describeTopics(names: readonly string[]) {
    return new Map(
      names.map((name): [string, TopicDescription | undefined] => {
        const topic = this.#kafka.topics.get(name);
        const partitions = topic?.partitions.map((_, id) => ({ id, replicas: 1 }));
        return [name, topic && partitions && { partitions, settings: topic.settings }];
      }),
    );
  }

  async createTopics(topics: readonly NewTopic[]): Promise<void> {
    for (const { topic, partitions, settings } of topics) {
      if (this.#kafka.topics.has(topic)) continue;
      this.#kafka.topics.set(topic, {
        settings: new Map(Object.entries(settings)),
        partitions: Array.from({ length: partitions }, () => ({ records: [], low: 0, epoch: 0 })),
      });
    }
  }

  async bounds(topic: string): Promise<PartitionBounds[]> {
    this.#kafka.partition(topic, 0);
    const { partitions = [] } = this.#kafka.topics.get(topic) ?? {};
    return partitions.map(({ low, records }, partition) => ({
      partition,
      low,
      high: records.length,
    }));
  }

  async offsetsAt(topic: string, timeMs: number): Promise<ReadonlyMap<number, number>> {
    const { partitions = [] } = this.#kafka.topics.get(topic) ?? {};
    return new Map(
      partitions.map(({ records }, partition) => {
        const found = records.findIndex((record) => record && record.timestampMs >= timeMs);
        return [partition, found < 0 ? records.length : found];
      }),
    );
  }

  async deleteRecords(topic: string, partition: number, offset: number): Promise<void> {
    this.#kafka.partition(topic, partition).low = offset;
  }

  async fetch(places: readonly FetchPlace[], options: FetchOptions): Promise<FetchedRecords[]> {
    const hasSome = () =>
      places.some((place) => {
        const { records } = this.#kafka.partition(place.topic, place.partition);
        return place.offset < records.length;
      });
    if (!hasSome() && options.maxWaitMs > 0) {
      const isOver = () => hasSome() || options.signal?.aborted === true;
      await waitUntil('there is a record', isOver, options.maxWaitMs).catch(() => undefined);
    }
    return places.flatMap(({ topic, partition, offset }) => {
      const { records, low } = this.#kafka.partition(topic, partition);
      if (offset < low || offset > records.length) {
        throw new CdcError('CDC_KAFKA_OFFSET_LOST', `${topic} begins at ${low}.`);
      }
      if (offset === records.length) return [];
      // A few at a time, so that readers have to go on.
      const found = records.slice(offset, offset + 50);
      const nextOffset = offset + found.length;
      const present = found.filter((record) => record !== undefined);
      return [{ topic, partition, records: present, nextOffset, high: records.length }];
    });
  }

  async openProducer(): Promise<RecordProducer> {
    return new MemoryProducer(this.#kafka);
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

class MemoryProducer implements RecordProducer {
  readonly #kafka: MemoryKafka;
  #epoch = 0;
  #hasFailed = false;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(kafka: MemoryKafka) {
    this.#kafka = kafka;
  }

  async fence(partitions: ReadonlyMap<string, readonly number[]>): Promise<void> {
    this.#epoch = this.#kafka.nextEpoch();
    for (const [topic, numbers] of partitions) {
      for (const number of numbers) {
        const partition = this.#kafka.partition(topic, number);
        partition.epoch = this.#epoch;
        partition.records.push(undefined);
      }
    }
  }

  send(topic: string, partition: number, batch: SealedBatch): Promise<number> {
    const sent = this.#turn.then(() => this.#store(topic, partition, batch));
    this.#turn = sent.catch(() => undefined);
    return sent;
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  async #store(topic: string, number: number, { bytes }: SealedBatch): Promise<number> {
    const fault = this.#hasFailed ? 'before' : this.#kafka.fault(topic);
    const unreachable = new CdcError('CDC_KAFKA_UNREACHABLE', 'The broker is away.');
    this.#hasFailed ||= fault !== undefined;
    if (fault === 'before') throw unreachable;
    const partition = this.#kafka.partition(topic, number);
    if (this.#epoch < partition.epoch) throw new CdcError('CDC_LOG_FENCED', 'Shut out.');
    const { records } = await decodeByKafkajs(bytes);
    const base = partition.records.length;
    for (const [index, record] of records.entries()) {
      partition.records.push({ ...record, offset: base + index });
    }
    if (fault === 'after') throw unreachable;
    return base;
  }
}
