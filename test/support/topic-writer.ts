import kafkajs, { type Admin, type Kafka, type Producer } from 'kafkajs';
import type { KafkaConnection } from '../../src/kafka/options.ts';
import { waitUntil } from './wait-until.ts';

export interface TopicMessage {
  readonly value: string | null;
  readonly key?: string | null;
  readonly partition?: number;
}

/** Writes messages as another tool would, with kafkajs's own producer. */
export class TopicWriter implements AsyncDisposable {
  readonly #kafka: Kafka;
  readonly #admin: Admin;
  #producer: Producer;

  static async open({ brokers }: KafkaConnection): Promise<TopicWriter> {
    const kafka = new kafkajs.Kafka({ brokers, logLevel: kafkajs.logLevel.NOTHING });
    const admin = kafka.admin();
    await admin.connect();
    return new TopicWriter(kafka, admin, await openProducer(kafka));
  }

  private constructor(kafka: Kafka, admin: Admin, producer: Producer) {
    this.#kafka = kafka;
    this.#admin = admin;
    this.#producer = producer;
  }

  async createTopic(topic: string, partitions = 1): Promise<void> {
    await this.#admin.createTopics({
      waitForLeaders: false,
      topics: [{ topic, numPartitions: partitions, replicationFactor: 1 }],
    });
    await this.#waitForLeaders(topic, partitions);
  }

  async addPartitions(topic: string, partitions: number): Promise<void> {
    await this.#admin.createPartitions({ topicPartitions: [{ topic, count: partitions }] });
    await this.#waitForLeaders(topic, partitions);
    // kafkajs drops messages for partitions that it does not know yet, and says nothing.
    await this.#producer.disconnect();
    this.#producer = await openProducer(this.#kafka);
  }

  async deleteTopic(topic: string): Promise<void> {
    await this.#admin.deleteTopics({ topics: [topic] });
  }

  async write(topic: string, messages: readonly TopicMessage[]): Promise<void> {
    for (const part of batchesOf(messages)) {
      await this.#producer.send({
        topic,
        acks: -1,
        messages: part.map(({ value, key = null, partition }) => ({
          value,
          key,
          ...(partition !== undefined && { partition }),
        })),
      });
    }
  }

  /** The broker knows of a new partition a moment later; kafkajs's own waiting gives up on that. */
  async #waitForLeaders(topic: string, partitions: number): Promise<void> {
    await waitUntil(`${topic} has leaders`, async () => {
      const { topics } = await this.#admin.fetchTopicMetadata({ topics: [topic] });
      const found = topics[0]?.partitions.filter(({ leader }) => leader >= 0);
      return found?.length === partitions;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#producer.disconnect(), this.#admin.disconnect()]);
  }
}

async function openProducer(kafka: Kafka): Promise<Producer> {
  const producer = kafka.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
  await producer.connect();
  return producer;
}

/** A batch of a partition must stay under 1 MB, and one partition may get all messages. */
function* batchesOf(messages: readonly TopicMessage[]): Generator<TopicMessage[]> {
  let batch: TopicMessage[] = [];
  let bytes = 0;
  for (const message of messages) {
    const size = (message.value?.length ?? 0) + (message.key?.length ?? 0) + 100;
    if (bytes + size > 700_000) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(message);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}
