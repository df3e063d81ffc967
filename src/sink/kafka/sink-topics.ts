import type { NewTopic, TopicDescription } from '../../kafka/kafka-cluster.ts';
import { incompatibleTable } from '../sink-errors.ts';
import type { SinkTable } from '../sink-table.ts';
import type { KafkaSinkOptions } from './options.ts';

const hourMs = 3_600_000;
const longestName = 249;
/** What brokers take unless told otherwise. */
const usualMaxMessageBytes = 1_048_588;

/** Names and settings of a sink's topics. */
export class SinkTopics {
  /** Where each table stands, by `SinkTable.source`. One partition. */
  readonly progress: string;
  readonly #prefix: string;
  readonly #options: KafkaSinkOptions;

  constructor(options: KafkaSinkOptions, project: string) {
    this.#options = options;
    this.#prefix = options.prefix ?? `${project}.${options.name}`;
    this.progress = `${this.#prefix}._progress`;
  }

  /** Names the sink in messages. */
  get prefix(): string {
    return this.#prefix;
  }

  /** Throws CDC_SINK_INCOMPATIBLE when no topic can have the name. */
  topicOf({ source, target }: SinkTable): string {
    const topic = `${this.#prefix}.${target}`;
    const isFine = /^[A-Za-z0-9._-]+$/.test(topic) && topic.length <= longestName;
    if (isFine && topic !== this.progress) return topic;
    throw incompatibleTable(source, `no topic can have the name ${topic}.`, {
      remedy: 'Give the table another name: `overrides: [{ tables: ..., to: ... }]` of the sink.',
    });
  }

  newTopic(table: SinkTable): NewTopic {
    const { replication, retentionHours, compaction, partitions } = this.#options;
    const retentionMs = retentionHours < 0 ? -1 : Math.round(retentionHours * hourMs);
    // Readers that are behind meet the deletes themselves: a tombstone does not say whose row it was.
    const lag = retentionMs < 0 ? {} : { 'min.compaction.lag.ms': String(retentionMs) };
    return {
      topic: this.topicOf(table),
      partitions: Number(table.settings['partitions'] ?? partitions),
      replication,
      settings: compaction
        ? { 'cleanup.policy': 'compact', ...lag }
        : { 'cleanup.policy': 'delete', 'retention.ms': String(retentionMs) },
    };
  }

  newProgressTopic(): NewTopic {
    return {
      topic: this.progress,
      partitions: 1,
      replication: this.#options.replication,
      // Small segments: the one that is being written is not compacted, and all of it is read at the start.
      settings: {
        'cleanup.policy': 'compact',
        'segment.bytes': String(16 * 1024 ** 2),
        'segment.ms': String(hourMs),
      },
    };
  }
}

/** What one message may take, as its topic says. */
export function maxMessageBytes({ settings }: TopicDescription): number {
  return Number(settings.get('max.message.bytes') ?? usualMaxMessageBytes);
}
