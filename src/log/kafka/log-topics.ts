import { CdcError } from '../../errors.ts';
import type { KafkaCluster, NewTopic, TopicDescription } from '../../kafka/kafka-cluster.ts';
import type { KafkaLogOptions } from './options.ts';
import { type LogTopicNames, logTopicNames } from './topic-names.ts';

type Kind = keyof LogTopicNames | 'table';

const hourMs = 3_600_000;

/** The topics of a log: made when they are first needed, never altered. */
export class LogTopics {
  readonly names: LogTopicNames;
  readonly #cluster: KafkaCluster;
  readonly #options: KafkaLogOptions;
  readonly #partitions = new Map<string, number>();

  constructor(cluster: KafkaCluster, options: KafkaLogOptions, prefix: string) {
    this.#cluster = cluster;
    this.#options = options;
    this.names = logTopicNames(prefix);
  }

  /** Partitions of a topic used before; undefined for one that was not. */
  known(topic: string): number | undefined {
    return this.#partitions.get(topic);
  }

  /** Partitions of the topic; creates it when it does not exist. */
  async ensure(topic: string): Promise<{ partitions: number; isNew: boolean }> {
    const known = this.#partitions.get(topic);
    if (known !== undefined) return { partitions: known, isNew: false };
    const found = await this.describe(topic);
    if (found === undefined) await this.#cluster.createTopics([this.newTopic(topic)]);
    const description = found ?? (await this.describe(topic));
    if (description === undefined) {
      throw new CdcError('CDC_KAFKA_TOPIC_NOT_FOUND', `Creating topic ${topic}: it is not there.`, {
        details: { topic },
      });
    }
    const partitions = description.partitions.length;
    this.#partitions.set(topic, partitions);
    return { partitions, isNew: found === undefined };
  }

  /** Forgets what is known of partitions, so that the brokers are asked again. */
  forget(): void {
    this.#partitions.clear();
  }

  async describe(topic: string): Promise<TopicDescription | undefined> {
    return (await this.#cluster.describeTopics([topic])).get(topic);
  }

  /** What a topic is made with; `preflight.ts` compares those that exist. */
  newTopic(topic: string): NewTopic {
    const { replication } = this.#options;
    const kind = this.#kindOf(topic);
    const partitions = kind === 'table' ? this.#options.partitions : 1;
    return { topic, partitions, replication, settings: this.#settings(kind) };
  }

  #settings(kind: Kind): Record<string, string> {
    // The log trims its commits itself, up to the newest one that holds the whole state.
    if (kind === 'commits') return { 'cleanup.policy': 'delete', 'retention.ms': '-1' };
    const { retentionHours, compaction } = this.#options;
    const retentionMs = retentionHours < 0 ? -1 : Math.round(retentionHours * hourMs);
    if (kind === 'table' && compaction) {
      // A loader that is behind must meet the deletes themselves: a tombstone does not say whose row it was.
      const lag = { 'min.compaction.lag.ms': String(retentionMs) };
      return { 'cleanup.policy': 'compact', ...(retentionMs >= 0 && lag) };
    }
    return { 'cleanup.policy': 'delete', 'retention.ms': String(retentionMs) };
  }

  #kindOf(topic: string): Kind {
    const { commits, schema, transaction } = this.names;
    if (topic === commits) return 'commits';
    if (topic === schema) return 'schema';
    return topic === transaction ? 'transaction' : 'table';
  }
}
