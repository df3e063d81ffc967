import { setTimeout as delay } from 'node:timers/promises';
import type { KafkaCluster, RecordProducer } from '../../kafka/kafka-cluster.ts';
import { RecordBatchWriter } from '../../kafka/record-batch-writer.ts';
import type { LogOffset } from '../change-log.ts';
import { type CommitRecord, encodeCommit } from './commit-record.ts';
import { CommitState, stateEvery } from './commit-state.ts';
import { type PendingAppend, PendingCommit } from './pending-commit.ts';

/** Commits follow one another no faster than this unless somebody waits for one. */
const commitEveryMs = 5;
const hourMs = 3_600_000;

export interface CommitSenderContext {
  readonly cluster: KafkaCluster;
  readonly producer: RecordProducer;
  readonly topic: string;
  /** How long commits are of use; negative: for ever. */
  readonly retentionHours: number;
  /** What the commits so far say; `committed` keeps it up to date. */
  readonly state: CommitState;
  readonly committed: (record: CommitRecord, offset: LogOffset) => void;
  /** Called after each commit. */
  readonly onStored: () => void;
  readonly onError: (error: unknown) => void;
}

/** Makes commit records of appends whose records are stored: one on its way, the next one gathering. */
export class CommitSender {
  readonly #context: CommitSenderContext;
  #pending = new PendingCommit();
  #sending: Promise<void> | undefined;
  #sentAtMs = 0;
  #isStopped = false;

  constructor(context: CommitSenderContext) {
    this.#context = context;
  }

  /** Nothing waits for a commit. */
  get isIdle(): boolean {
    return this.#pending.isEmpty && this.#sending === undefined;
  }

  /** Appends are committed in the order of these calls. */
  add(append: PendingAppend, isUrgent: boolean): void {
    this.#pending.add(append);
    if (isUrgent) this.#pending.isUrgent = true;
  }

  hurry(): void {
    this.#pending.isUrgent = true;
  }

  /** Call after `add`. */
  start(): void {
    if (!this.#pending.isEmpty) this.#sending ??= this.#send();
  }

  /** Sends nothing more; resolves when the commit on its way has ended one way or the other. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#sending;
  }

  async #send(): Promise<void> {
    const { onStored, onError } = this.#context;
    try {
      while (!this.#pending.isEmpty && !this.#isStopped) {
        const waitMs = this.#sentAtMs + commitEveryMs - performance.now();
        if (waitMs > 0 && !this.#pending.isUrgent) await delay(waitMs);
        const commit = this.#pending;
        this.#pending = new PendingCommit();
        this.#sentAtMs = performance.now();
        await this.#store(commit);
        onStored();
      }
    } catch (error) {
      onError(error);
    } finally {
      this.#sending = undefined;
      onStored();
    }
  }

  async #store(commit: PendingCommit): Promise<void> {
    const { state, topic, producer, committed } = this.#context;
    const record = withState(commit.record(state.number + 1), state);
    const batch = new RecordBatchWriter();
    batch.begin(Date.now());
    batch.nullKey();
    const value = encodeCommit(record);
    batch.writer.reserve(value.length);
    batch.writer.offset += value.copy(batch.writer.buffer, batch.writer.offset);
    batch.endValue();
    batch.endRecord();
    const sealed = await batch.seal(record.state === undefined ? 'none' : 'gzip');
    committed(record, await producer.send(topic, 0, sealed));
    commit.isStored = true;
    if (record.state !== undefined) await this.#trim();
  }

  /** Commits whose records have passed the retention of their topics are of no use to anybody. */
  async #trim(): Promise<void> {
    const { cluster, topic, retentionHours } = this.#context;
    if (retentionHours < 0) return;
    const { low = 0, high: newest = 0 } = (await cluster.bounds(topic))[0] ?? {};
    const kept = (await cluster.offsetsAt(topic, Date.now() - retentionHours * hourMs)).get(0);
    // The commit just stored holds the whole state and stays.
    const before = Math.min(kept ?? newest, newest - 1);
    if (before - low >= stateEvery) await cluster.deleteRecords(topic, 0, before);
  }
}

function withState(record: CommitRecord, before: CommitState): CommitRecord {
  if (record.number % stateEvery !== 0) return record;
  const after = new CommitState();
  after.apply({ ...record, state: before.export() });
  after.apply(record);
  return { ...record, state: after.export() };
}
