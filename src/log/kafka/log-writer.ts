import PQueue from 'p-queue';
import type { ChangeBatch } from '../../change/change-batch.ts';
import { CdcError } from '../../errors.ts';
import type { ChangeFormat } from '../../format/change-format.ts';
import type { KafkaCluster, RecordProducer } from '../../kafka/kafka-cluster.ts';
import type { Logger } from '../../ops/logger.ts';
import type { AppendOptions, LogOffset } from '../change-log.ts';
import type { CommitRecord } from './commit-record.ts';
import { CommitSender } from './commit-sender.ts';
import type { CommitState } from './commit-state.ts';
import type { LogTopics } from './log-topics.ts';
import type { KafkaLogOptions } from './options.ts';
import { PartitionBatches } from './partition-batches.ts';
import { PendingAppend } from './pending-commit.ts';
import { SectionWriter } from './section-writer.ts';
import { takeOver } from './take-over.ts';

/** Longest wait for the last commit when the log is closed. */
const closeMs = 3_000;
const checkPartitionsEveryMs = 60_000;

export interface LogWriterContext {
  readonly cluster: KafkaCluster;
  readonly topics: LogTopics;
  readonly options: KafkaLogOptions;
  readonly format: ChangeFormat;
  readonly logger: Logger;
  /** What the commits so far say; `committed` keeps it up to date. */
  readonly state: CommitState;
  /** Takes in commits that other writers have stored. */
  readonly catchUp: () => Promise<void>;
  readonly committed: (record: CommitRecord, offset: LogOffset) => void;
}

/**
 * The one writer of a log. Opening it shuts out every earlier one and reads what that had left.
 * After an error it is of no more use: what is stored is found out by the next writer.
 *
 *   append A ─ encode ─ send ──────── stored ┐ folded in this order
 *   append B          ─ encode ─ send ─ stored ┘──> pending commit ──> commit record ──> visible
 */
export class LogWriter {
  readonly #context: LogWriterContext;
  readonly #producer: RecordProducer;
  readonly #batches: PartitionBatches;
  readonly #sections: SectionWriter;
  readonly #encoding = new PQueue({ concurrency: 1 });
  /** Appends that are not folded into a commit yet, in the order they were encoded. */
  readonly #appends: PendingAppend[] = [];
  /** Parts of a transaction whose end has not been met. */
  #open: PendingAppend[] = [];
  readonly #commits: CommitSender;
  #failure: unknown;
  #waiting: { resolve: () => void; reject: (error: unknown) => void; when: () => boolean }[] = [];
  #partitionsCheckedAtMs = performance.now();

  static async open(context: LogWriterContext): Promise<LogWriter> {
    const producer = await context.cluster.openProducer({
      writerId: `strata.${context.topics.names.commits}`,
    });
    const writer = new LogWriter(context, producer);
    try {
      writer.#sections.lose(await takeOver(context, producer, writer.#batches));
      return writer;
    } catch (error) {
      await producer[Symbol.asyncDispose]();
      throw error;
    }
  }

  private constructor(context: LogWriterContext, producer: RecordProducer) {
    this.#context = context;
    this.#producer = producer;
    this.#batches = new PartitionBatches(producer, context.options.compression);
    this.#commits = new CommitSender({
      ...context,
      producer,
      topic: context.topics.names.commits,
      retentionHours: context.options.retentionHours,
      onStored: () => this.#wake(),
      onError: (error) => this.#fail(error),
    });
    this.#sections = new SectionWriter({ ...context, batches: this.#batches });
  }

  /** Why it is of no more use; undefined while it works. */
  get failure(): unknown {
    return this.#failure;
  }

  get hasOpenParts(): boolean {
    return this.#open.length > 0;
  }

  /**
   * Resolves when the records are stored, and where something waits for the commit (chunks, barriers,
   * checkpoints alone) when that is.
   */
  async append(batches: readonly ChangeBatch[], options: AppendOptions): Promise<void> {
    this.#throwIfFailed();
    options.signal?.throwIfAborted();
    for (const topic of options.lostTopics ?? []) this.#sections.restore(topic);
    const append = new PendingAppend(batches, options);
    const onAbort = () => this.#fail(options.signal?.reason);
    options.signal?.addEventListener('abort', onAbort, { once: true });
    try {
      await this.#encoding.add(() => this.#write(append, batches));
      await this.#until(() => !this.#appends.includes(append));
      if (needsCommit(append)) {
        await this.#until(() => append.commit?.isStored === true);
      }
    } finally {
      options.signal?.removeEventListener('abort', onAbort);
    }
  }

  /** Throws CDC_LOG_TOPIC_LOST when a topic with changes is not what the commits say. */
  assertTopics(): void {
    this.#sections.assertTopics();
  }

  /** Resolves when everything appended is committed, except for open parts. */
  async drain(): Promise<void> {
    await this.#encoding.onIdle();
    await this.#until(() => this.#appends.length === 0);
    this.#commits.hurry();
    await this.#until(() => this.#commits.isIdle);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // What is stored but not committed would be found as a tail; better to leave none.
    const lastMs = AbortSignal.timeout(closeMs);
    await Promise.race([this.drain().catch(() => undefined), once(lastMs)]);
    this.#fail(new CdcError('CDC_INTERNAL', 'Appending to a change log that was closed.'));
    await this.#encoding.onIdle();
    await this.#commits.stop();
    await this.#producer[Symbol.asyncDispose]();
  }

  async #write(append: PendingAppend, batches: readonly ChangeBatch[]): Promise<void> {
    this.#throwIfFailed();
    this.#appends.push(append);
    try {
      for (const batch of batches) {
        await this.#sections.write(batch, append.options.open === true, append);
      }
      for (const filled of this.#batches.filled()) append.sent(this.#batches.send(filled));
    } catch (error) {
      this.#fail(error);
      throw error;
    }
    append.stored().then(
      () => this.#fold(),
      (error) => this.#fail(this.#sections.explain(error)),
    );
    this.#checkPartitions();
  }

  /** Appends leave in the order they came, so that a commit holds whole ones. */
  #fold(): void {
    for (;;) {
      const append = this.#appends[0];
      if (append === undefined || !append.isStored || this.#failure !== undefined) break;
      this.#appends.shift();
      if (append.options.open === true) {
        this.#open.push(append);
        continue;
      }
      const endsTransaction = append.batches.some(({ origin }) => origin === 'stream');
      for (const part of endsTransaction ? this.#open.splice(0) : []) {
        this.#commits.add(part, false);
      }
      this.#commits.add(append, needsCommit(append));
    }
    this.#commits.start();
    this.#wake();
  }

  /**
   * A topic with more partitions than before, or without any, is written anew, by a writer that knows
   * about it.
   */
  #checkPartitions(): void {
    const now = performance.now();
    if (now - this.#partitionsCheckedAtMs < checkPartitionsEveryMs) return;
    this.#partitionsCheckedAtMs = now;
    const { cluster } = this.#context;
    const used = this.#batches.topics();
    cluster.describeTopics([...used.keys()]).then(
      (found) => {
        const changed = [...used].find(
          ([topic, count]) => found.get(topic)?.partitions.length !== count,
        );
        if (changed !== undefined) this.#fail(partitionsChanged(changed[0]));
      },
      () => undefined,
    );
  }

  #fail(error: unknown): void {
    this.#failure ??= error;
    this.#wake();
  }

  #throwIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  async #until(when: () => boolean): Promise<void> {
    this.#throwIfFailed();
    if (when()) return;
    await new Promise<void>((resolve, reject) => {
      this.#waiting.push({ resolve, reject, when });
    });
  }

  #wake(): void {
    this.#waiting = this.#waiting.filter(({ resolve, reject, when }) => {
      if (this.#failure !== undefined) reject(this.#failure);
      else if (when()) resolve();
      else return true;
      return false;
    });
  }
}

function once(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

function needsCommit({ batches }: PendingAppend): boolean {
  return (
    batches.length === 0 ||
    batches.some(({ origin, hasBarriers }) => origin === 'snapshot' || hasBarriers)
  );
}

function partitionsChanged(topic: string): CdcError {
  return new CdcError(
    'CDC_KAFKA_UNREACHABLE',
    `Writing to ${topic}: it has other partitions than before; it is opened anew.`,
    { details: { topic } },
  );
}
