import kafkajs, { type Admin, type Producer } from 'kafkajs';
import type { KafkaConnection } from '../../src/kafka/options.ts';

export interface TopicMessage {
  readonly value: string | null;
  readonly key?: string | null;
  readonly partition?: number;
}

/** Writes messages as another tool would, with kafkajs's own producer. */
export class TopicWriter implements AsyncDisposable {
  readonly #producer: Producer;
  readonly #admin: Admin;

  static async open({ brokers }: KafkaConnection): Promise<TopicWriter> {
    const kafka = new kafkajs.Kafka({ brokers, logLevel: kafkajs.logLevel.NOTHING });
    const producer = kafka.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
    const admin = kafka.admin();
    await Promise.all([producer.connect(), admin.connect()]);
    return new TopicWriter(producer, admin);
  }

  private constructor(producer: Producer, admin: Admin) {
    this.#producer = producer;
    this.#admin = admin;
  }

  async createTopic(topic: string, partitions = 1): Promise<void> {
    await this.#admin.createTopics({
      waitForLeaders: true,
      topics: [{ topic, numPartitions: partitions, replicationFactor: 1 }],
    });
  }

  async addPartitions(topic: string, partitions: number): Promise<void> {
    await this.#admin.createPartitions({ topicPartitions: [{ topic, count: partitions }] });
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

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#producer.disconnect(), this.#admin.disconnect()]);
  }
}
