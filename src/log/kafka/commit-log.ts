import { setTimeout as delay } from 'node:timers/promises';
import type { TableId } from '../../change/table-id.ts';
import type { KafkaCluster } from '../../kafka/kafka-cluster.ts';
import type { Logger } from '../../ops/logger.ts';
import { Arrivals } from '../arrivals.ts';
import type { LogOffset } from '../change-log.ts';
import type { CommitRecord, RecordRange } from './commit-record.ts';
import { CommitState, stateEvery } from './commit-state.ts';
import type { EntryReader, PlacedCommit } from './entry-reader.ts';

const longPollMs = 1_000;
const retryMs = 1_000;
/** Commits looked at to find how far behind a reader is. */
const lagCommits = 5_000;

/** The commits topic as read so far: what it says, and where it ends. */
export class CommitLog {
  readonly state = new CommitState();
  readonly #arrivals = new Arrivals();
  readonly #cluster: KafkaCluster;
  readonly #topic: string;
  readonly #reader: EntryReader;
  readonly #logger: Logger;
  #first = 0;
  #end = 0;

  constructor(cluster: KafkaCluster, topic: string, reader: EntryReader, logger: Logger) {
    this.#cluster = cluster;
    this.#topic = topic;
    this.#reader = reader;
    this.#logger = logger;
  }

  /** The first offset that can still be read. */
  get first(): LogOffset {
    return this.#first;
  }

  /** The place after the last commit. */
  get end(): LogOffset {
    return this.#end;
  }

  /**
   * Reads the newest commit that holds the whole state and everything after it. Looks from the end
   * backwards, because the topic may be long.
   */
  async open(): Promise<void> {
    const { low, high } = await this.#bounds();
    for (let back = stateEvery + 200; ; back *= 2) {
      const from = Math.max(low, high - back);
      const commits = await this.#between(from, high);
      const newest = commits.findLastIndex(({ record }) => record.state !== undefined);
      if (newest < 0 && from > low) continue;
      for (const commit of commits.slice(Math.max(0, newest))) this.#take(commit);
      return;
    }
  }

  /** Reads what others have committed since. */
  async catchUp(): Promise<void> {
    const { high } = await this.#bounds();
    for (const commit of await this.#between(this.#end, high)) this.#take(commit);
  }

  /** Takes in a commit of our own. */
  committed(record: CommitRecord, offset: LogOffset): void {
    this.#take({ offset, record });
  }

  /** Keeps up with a writer in another process until the signal aborts. */
  async follow(signal: AbortSignal): Promise<void> {
    let offset = this.#end;
    while (!signal.aborted) {
      try {
        const { commits, nextOffset } = await this.#reader.next(offset, longPollMs, signal);
        for (const commit of commits) this.#take(commit);
        offset = nextOffset;
      } catch (error) {
        if (signal.aborted) return;
        this.#logger.warn({ error }, 'Following the commits failed; trying again.');
        await delay(retryMs, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  async waitFor(offset: LogOffset, signal: AbortSignal): Promise<void> {
    if (offset >= this.#end) await this.#arrivals.waitFor(offset, signal);
  }

  /** Of each partition, where the first commit from `offset` on begins that has rows of wanted tables. */
  async unread(
    offset: LogOffset,
    wants: (table: TableId) => boolean,
  ): Promise<{ range: RecordRange; record: CommitRecord }[]> {
    const first = new Map<string, { range: RecordRange; record: CommitRecord }>();
    const commits = await this.#between(offset, Math.min(this.#end, offset + lagCommits));
    for (const { record } of commits) {
      for (const range of record.steps.flatMap((step) => ('ranges' in step ? step.ranges : []))) {
        if (this.state.isLost(range.topic, record.number)) continue;
        const key = `${range.partition} ${range.topic}`;
        if (range.tables.some(wants) && !first.has(key)) first.set(key, { range, record });
      }
    }
    return [...first.values()];
  }

  close(): void {
    this.#arrivals.close();
  }

  #take({ offset, record }: PlacedCommit): void {
    if (offset < this.#end) return;
    this.state.apply(record);
    this.#end = offset + 1;
    this.#arrivals.arrived(this.#end);
  }

  async #between(from: LogOffset, to: LogOffset): Promise<PlacedCommit[]> {
    const commits: PlacedCommit[] = [];
    for (let next = from; next < to; ) {
      const some = await this.#reader.commits(next, to);
      if (some.length === 0) break;
      commits.push(...some);
      next = (some.at(-1)?.offset ?? to) + 1;
    }
    return commits;
  }

  async #bounds(): Promise<{ low: number; high: number }> {
    const [bounds] = await this.#cluster.bounds(this.#topic);
    this.#first = bounds?.low ?? 0;
    return { low: this.#first, high: bounds?.high ?? 0 };
  }
}
