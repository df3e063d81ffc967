import type { MessagesSection, Section } from '../../../../src/change/change-batch.ts';
import { hasReached, type Position, versionOf } from '../../../../src/change/position.ts';
import type { TableId } from '../../../../src/change/table-id.ts';
import type { TableSchema } from '../../../../src/change/table-schema.ts';
import { createSilentLogger } from '../../../../src/ops/logger.ts';
import { KafkaSource } from '../../../../src/source/kafka/kafka-source.ts';
import {
  type KafkaSourceOptions,
  kafkaSourceOptions,
} from '../../../../src/source/kafka/options.ts';
import type { SnapshotItem, StreamItem } from '../../../../src/source/source.ts';
import { MemoryKafka } from '../../../support/memory-kafka.ts';

export interface Line {
  readonly v: string;
  readonly a: bigint;
  readonly p: number;
  readonly o: number;
  readonly q: string;
  readonly e?: string;
  /** As it came. */
  readonly m: string;
}

/** A reader of topics in this process: what its log would know, and what it has taken. */
export class TopicWorld {
  readonly kafka: MemoryKafka;
  readonly schemas = new Map<TableId, TableSchema>();
  readonly sections: Section[] = [];
  readonly needed: TableId[] = [];
  position: Position | undefined;
  readonly #options: KafkaSourceOptions;

  constructor(options: object, kafka = new MemoryKafka()) {
    this.kafka = kafka;
    this.#options = kafkaSourceOptions.parse({
      type: 'kafka',
      brokers: ['memory:0'],
      discoverySeconds: 0.1,
      ...options,
    });
  }

  async createTopic(topic: string, partitions = 1): Promise<void> {
    await this.kafka.cluster().createTopics([{ topic, partitions, replication: 1, settings: {} }]);
  }

  put(topic: string, value: string | null, partition = 0, key: string | null = null): void {
    const { records } = this.kafka.partition(topic, partition);
    records.push({
      offset: records.length,
      timestampMs: 1_769_860_800_000 + records.length,
      key: key === null ? null : Buffer.from(key),
      value: value === null ? null : Buffer.from(value),
      headers: {},
    });
  }

  source(): KafkaSource {
    const source = new KafkaSource(this.#options, {
      openCluster: async () => this.kafka.cluster(),
      logger: createSilentLogger(),
      log: { schemas: () => new Map(this.schemas) },
      position: () => this.position,
    });
    source.onSnapshotNeeded((table) => this.needed.push(table));
    return source;
  }

  /** Streams from the stored position until the ends of the topics; returns the items. */
  async follow(source = this.source()): Promise<StreamItem[]> {
    const from = this.position ?? (await source.currentPosition());
    this.position ??= from;
    const end = (await source.endPosition()).position;
    const abort = new AbortController();
    const items: StreamItem[] = [];
    for await (const item of source.stream(from, abort.signal)) {
      items.push(item);
      this.take(item);
      if (hasReached(item.batch.position, end)) abort.abort();
    }
    return items;
  }

  take({ batch }: StreamItem | SnapshotItem): void {
    if (batch.origin === 'stream') this.position = batch.position;
    for (const section of batch.sections) {
      this.sections.push(section);
      if (section.kind === 'schema') this.schemas.set(section.table, section.schema);
    }
  }

  messages(table?: TableId): MessagesSection[] {
    return this.sections
      .filter((section) => section.kind === 'messages')
      .filter((section) => table === undefined || section.table === table);
  }

  lines(table?: TableId): Line[] {
    return this.messages(table).flatMap(linesOf);
  }
}

export function linesOf({ bytes }: MessagesSection): Line[] {
  return bytes
    .toString()
    .trimEnd()
    .split('\n')
    .map((line) => {
      const found =
        /^\{"v":(\d+),"a":(\d+),"p":(\d+),"o":(\d+),"t":\d+,"q":"([^"]*)",(?:"e":"([^"]*)",)?"m":(.*)\}$/.exec(
          line,
        );
      if (found === null) throw new Error(`not a line: ${line}`);
      const [, v = '', a = '', p, o, q = '', e, m = ''] = found;
      return { v, a: BigInt(a), p: Number(p), o: Number(o), q, ...(e && { e }), m };
    });
}

/** Every line is newer than the place before its batch and not newer than the one after it. */
export function arrivalsOutOfOrder(from: Position, items: readonly StreamItem[]): Line[] {
  let before = versionOf(from);
  return items.flatMap(({ batch }) => {
    const after = versionOf(batch.position);
    const wrong = batch.sections
      .filter((section) => section.kind === 'messages')
      .flatMap(linesOf)
      .filter(({ a }) => a <= before || a > after);
    before = after;
    return wrong;
  });
}
