import type { ErrorDetails } from '../errors.ts';
import { retry } from '../lib/retry.ts';
import type { Logger } from '../ops/logger.ts';
import { connectionSettings } from './connection-settings.ts';
import { isTransientFault, toCdcError } from './error-map.ts';
import { FetchPolls } from './fetch-polls.ts';
import { IdempotentProducer } from './idempotent-producer.ts';
import type {
  FetchedRecords,
  FetchOptions,
  FetchPlace,
  KafkaCluster,
  NewTopic,
  PartitionBounds,
  ProducerOptions,
  RecordProducer,
  TopicDescription,
} from './kafka-cluster.ts';
import { type ConnectionsSettings, KafkaConnections } from './kafka-connections.ts';
import type { KafkaConnection } from './options.ts';
import { deleteRecords, readBounds, readOffsetsAt } from './partition-offsets.ts';
import { createTopics, describeTopics } from './topic-admin.ts';

/** A leader that moves and a connection that was idle for too long are mended within this. */
const patienceMs = 10_000;
const attempts = 5;

/** A cluster reached through kafkajs's connections; they are made by the first call that needs them. */
export class KafkajsCluster implements KafkaCluster {
  readonly #settings: ConnectionsSettings;
  readonly #connections: KafkaConnections;
  readonly #polls: FetchPolls;
  #isClosed = false;

  constructor(settings: ConnectionsSettings) {
    this.#settings = settings;
    this.#connections = new KafkaConnections(settings);
    this.#polls = new FetchPolls(this.#connections);
  }

  describe(): Promise<{ readonly clusterId: string; readonly brokers: readonly string[] }> {
    return this.#try('Asking for the brokers', async () => {
      const { clusterId, brokers } = await this.#connections.metadata('all');
      return { clusterId, brokers: brokers.map(({ host, port }) => `${host}:${port}`) };
    });
  }

  topics(): Promise<string[]> {
    return this.#try('Listing the topics', async () => {
      const { topicMetadata } = await this.#connections.metadata('all');
      return topicMetadata
        .filter(({ isInternal }) => !isInternal)
        .map(({ topic }) => topic)
        .sort();
    });
  }

  describeTopics(
    names: readonly string[],
  ): Promise<ReadonlyMap<string, TopicDescription | undefined>> {
    return this.#try('Describing topics', () => describeTopics(this.#connections, names));
  }

  createTopics(topics: readonly NewTopic[]): Promise<void> {
    return this.#try('Creating topics', () => createTopics(this.#connections, topics));
  }

  bounds(topic: string): Promise<PartitionBounds[]> {
    const action = () => readBounds(this.#connections, topic);
    return this.#try(`Reading the bounds of topic ${topic}`, action, { topic });
  }

  offsetsAt(topic: string, timeMs: number): Promise<ReadonlyMap<number, number>> {
    const action = () => readOffsetsAt(this.#connections, topic, timeMs);
    return this.#try(`Looking for a time in topic ${topic}`, action, { topic });
  }

  deleteRecords(topic: string, partition: number, offset: number): Promise<void> {
    const doing = `Deleting records before offset ${offset} of partition ${partition} of topic ${topic}`;
    const action = () => deleteRecords(this.#connections, topic, partition, offset);
    return this.#try(doing, action, { topic, partition });
  }

  fetch(places: readonly FetchPlace[], options: FetchOptions): Promise<FetchedRecords[]> {
    const names = [...new Set(places.map(({ topic }) => topic))];
    const more = names.length > 3 ? ` and ${names.length - 3} more` : '';
    const doing = `Reading ${names.slice(0, 3).join(', ')}${more}`;
    const action = () => this.#polls.fetch(places, options);
    return this.#try(doing, action, {}, options.signal);
  }

  async openProducer(options: ProducerOptions): Promise<RecordProducer> {
    const connections = new KafkaConnections(this.#settings);
    try {
      return await IdempotentProducer.open({ ...options, connections });
    } catch (error) {
      connections[Symbol.dispose]();
      throw toCdcError(
        error,
        `Opening a producer on Kafka at ${this.#settings.brokers.join(', ')}`,
      );
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#connections[Symbol.dispose]();
  }

  async #try<T>(
    doing: string,
    action: () => Promise<T>,
    details: ErrorDetails = {},
    signal?: AbortSignal,
  ): Promise<T> {
    const deadline = performance.now() + patienceMs;
    try {
      return await retry(action, {
        attempts,
        isTransient: (error) =>
          isTransientFault(error) && !this.#isClosed && performance.now() < deadline,
        ...(signal && { signal }),
      });
    } catch (error) {
      throw toCdcError(error, `${doing} on Kafka at ${this.#settings.brokers.join(', ')}`, details);
    }
  }
}

/**
 * Prepares a cluster for use; no broker is asked yet. Throws CDC_CONFIG_INVALID when a file of `ssl` cannot
 * be read.
 */
export async function openKafkaCluster(
  connection: KafkaConnection,
  context: { readonly clientId: string; readonly logger: Logger },
): Promise<KafkaCluster> {
  return new KafkajsCluster(await connectionSettings(connection, context));
}
