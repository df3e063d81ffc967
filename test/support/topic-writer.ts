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
    for (let at = 0; at < messages.length; at += 5_000) {
      const part = messages.slice(at, at + 5_000);
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
