import { setTimeout as delay } from 'node:timers/promises';
import type { Section } from '../../change/change-batch.ts';
import { type OffsetVector, partitionKey, splitPartitionKey } from '../../change/offset-vector.ts';
import type { Version } from '../../change/position.ts';
import type { TableId } from '../../change/table-id.ts';
import type { FetchedRecords, FetchPlace, KafkaRecord } from '../../kafka/kafka-cluster.ts';
import type { Logger } from '../../ops/logger.ts';
import { lostOffsets } from './lost-offsets.ts';
import type { SectionBuilder } from './section-builder.ts';
import type { TopicCluster } from './topic-cluster.ts';
import type { TopicReader } from './topic-reader.ts';

/** Of one answer, so of one batch; more is not faster and costs memory. */
const fetchBytes = 4 * 1024 ** 2;
/** How long an answer is waited for when nothing comes; one message ends the wait. */
const idleMs = 250;

export interface MessageReadingOptions {
  readonly cluster: TopicCluster;
  readonly builder: SectionBuilder;
  /** By topic. A topic may be added while the reading goes on. */
  readonly readers: ReadonlyMap<string, TopicReader>;
  readonly from: OffsetVector;
  /** Where to end in each partition; absent: never. */
  readonly to?: OffsetVector;
  /** Only messages of this table. */
  readonly only?: TableId;
  readonly logger: Logger;
}

/** Messages as sections, with what is needed to make a batch of them. */
export interface MessageBatch {
  readonly sections: Section[];
  readonly messages: number;
  /** Of the newest message; undefined without one. */
  readonly timestampMs: number | undefined;
}

/** A partition that waits before a message which empties a table. */
interface Hold {
  readonly table: TableId;
  readonly version: Version;
  readonly offset: number;
  /** Where the other partitions of the topic must have come to; their ends when the message was met. */
  until: OffsetVector | undefined;
}

/**
 * Reads partitions side by side, an answer of the brokers after another; while one is being used, the next
 * is on its way.
 *
 * A message that empties a table holds its partition until the others of the topic have come to their
 * ends of that moment, because rows from before it may lie there:
 *
 *     partition 0   row row EMPTY ........ row        the rows of partition 1 in front of its end are
 *     partition 1   row row row row | row             taken first, then EMPTY, then partition 0 goes on
 *
 * Nothing of this has to be remembered: the offset of a partition held is that of the message.
 */
export class MessageReading {
  /** Where each partition goes on. */
  readonly offsets: Map<string, number>;
  readonly #options: MessageReadingOptions;
  readonly #holds = new Map<string, Hold>();
  readonly #queues = new Map<string, string>();
  #next: Promise<FetchedRecords[]> | undefined;
  #timestampMs: number | undefined;

  constructor(options: MessageReadingOptions) {
    this.#options = options;
    this.offsets = new Map(options.from);
  }

  /** Whether the ends are reached. */
  get isDone(): boolean {
    const { to } = this.#options;
    return to !== undefined && this.#places().length === 0 && this.#holds.size === 0;
  }

  /** The next messages; none when none came for a moment. Their lines say `arrival`. */
  async read(arrival: bigint, signal: AbortSignal): Promise<MessageBatch> {
    const answers = await (this.#next ?? this.#fetch(signal));
    this.#next = undefined;
    this.#timestampMs = undefined;
    for (const answer of answers) this.#take(answer, arrival);
    await this.#release(arrival);
    if (!signal.aborted && this.#places().length > 0) {
      this.#next = this.#fetch(signal);
      this.#next.catch(() => undefined);
    }
    return { ...this.#options.builder.take(), timestampMs: this.#timestampMs };
  }

  async #fetch(signal: AbortSignal): Promise<FetchedRecords[]> {
    const places = this.#places();
    if (places.length === 0) {
      await delay(idleMs, undefined, { signal }).catch(() => undefined);
      return [];
    }
    try {
      return await this.#options.cluster.fetch(places, {
        maxBytes: fetchBytes,
        maxWaitMs: idleMs,
        signal,
      });
    } catch (error) {
      if (signal.aborted) return [];
      throw lostOffsets(error, this.offsets);
    }
  }

  #places(): FetchPlace[] {
    const { readers, to } = this.#options;
    const places: FetchPlace[] = [];
    for (const [key, offset] of this.offsets) {
      const { topic, partition } = splitPartitionKey(key);
      if (!readers.has(topic) || this.#holds.has(key)) continue;
      if (to === undefined || offset < (to.get(key) ?? 0))
        places.push({ topic, partition, offset });
    }
    return places;
  }

  #take(answer: FetchedRecords, arrival: bigint): void {
    const key = partitionKey(answer.topic, answer.partition);
    const start = this.offsets.get(key) ?? 0;
    const end = this.#options.to?.get(key) ?? Number.POSITIVE_INFINITY;
    const reader = this.#options.readers.get(answer.topic);
    if (reader === undefined) return;
    for (const record of answer.records) {
      if (record.offset < start) continue;
      if (record.offset >= end) break;
      if (this.#holdsAt(record, answer, reader, arrival)) {
        this.offsets.set(key, record.offset);
        return;
      }
      if (record.timestampMs > (this.#timestampMs ?? 0)) this.#timestampMs = record.timestampMs;
    }
    this.offsets.set(key, Math.max(start, Math.min(answer.nextOffset, end)));
  }

  /** Takes one message in, or finds that its partition must wait before it. */
  #holdsAt(
    record: KafkaRecord,
    { topic, partition }: FetchedRecords,
    reader: TopicReader,
    arrival: bigint,
  ): boolean {
    const { builder, only, logger } = this.#options;
    const placement = reader.place(record);
    const where = { topic, partition, offset: record.offset };
    if (placement.kind === 'skipped') {
      if (placement.what !== undefined)
        logger.debug({ ...where, what: placement.what }, 'Skipped.');
      return false;
    }
    if (placement.kind === 'empty') {
      const { table, version } = placement;
      if (only !== undefined && table !== only) return false;
      if (version === undefined || !this.#canEmpty(reader, topic)) {
        logger.warn({ ...where, table }, 'Ignored a message that empties a table.');
        return false;
      }
      const hold = { table, version, offset: record.offset, until: undefined };
      this.#holds.set(partitionKey(topic, partition), hold);
      return true;
    }
    const { target } = placement;
    if (only !== undefined && target.table !== only) return false;
    const value = placement.kind === 'line' ? placement.value : (record.value ?? Buffer.alloc(0));
    const source = { partition, offset: record.offset, timestampMs: record.timestampMs, value };
    const version = target.layout.version === 'line' ? reader.versionText(record.offset) : '0';
    const reason = placement.kind === 'refused' ? { reason: placement.reason } : {};
    builder.add(target, source, { queue: this.#queueOf(topic), version, arrival, ...reason });
    return false;
  }

  /** Offsets order the messages of one partition only; what a message of another empties they cannot tell. */
  #canEmpty(reader: TopicReader, topic: string): boolean {
    return !reader.isOrderedByOffset || this.#partitionsOf(topic).length === 1;
  }

  /** Lets go of holds whose time has come, the oldest first. */
  async #release(arrival: bigint): Promise<void> {
    for (const [key, hold] of this.#holds) hold.until ??= await this.#endsOfOthers(key);
    const sorted = [...this.#holds].sort(([, a], [, b]) => (a.version < b.version ? -1 : 1));
    for (const [key, hold] of sorted) {
      const isDue = [...(hold.until ?? [])].every(
        ([other, end]) => this.#holds.has(other) || (this.offsets.get(other) ?? 0) >= end,
      );
      if (!isDue) return;
      this.#options.builder.empty(hold.table, hold.version, arrival);
      this.offsets.set(key, hold.offset + 1);
      this.#holds.delete(key);
    }
  }

  async #endsOfOthers(key: string): Promise<OffsetVector> {
    const { topic } = splitPartitionKey(key);
    const bounds = await this.#options.cluster.bounds(topic);
    const ends = new Map<string, number>();
    for (const { partition, high } of bounds) {
      const other = partitionKey(topic, partition);
      const end = Math.min(high, this.#options.to?.get(other) ?? high);
      if (other !== key && this.offsets.has(other)) ends.set(other, end);
    }
    return ends;
  }

  #partitionsOf(topic: string): string[] {
    return [...this.offsets.keys()].filter((key) => splitPartitionKey(key).topic === topic);
  }

  #queueOf(topic: string): string {
    const known = this.#queues.get(topic);
    if (known !== undefined) return known;
    const text = JSON.stringify(topic);
    this.#queues.set(topic, text);
    return text;
  }
}
