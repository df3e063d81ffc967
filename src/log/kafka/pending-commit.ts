import type { ChangeBatch } from '../../change/change-batch.ts';
import type { Position } from '../../change/position.ts';
import type { TableId } from '../../change/table-id.ts';
import type { AppendOptions } from '../change-log.ts';
import type { WriteSink } from './change-writer.ts';
import type { Barrier, CommitRecord, CommitStep } from './commit-record.ts';
import type { PartitionBatch, SentBatch } from './partition-batches.ts';
import { StepRanges } from './step-ranges.ts';

type OpenStep = StepRanges | { readonly barrier: Barrier };

/** What a commit says of a batch. Its rows are not kept: parts of a large transaction wait for the last one. */
interface AppendedBatch extends Omit<ChangeBatch, 'sections' | 'marks'> {
  readonly hasBarriers: boolean;
}

/** One append on its way into the topics. */
export class PendingAppend implements WriteSink {
  readonly batches: readonly AppendedBatch[];
  readonly options: AppendOptions;
  readonly steps: OpenStep[] = [];
  bytes = 0;
  /** All that was sent for it is stored. */
  isStored = false;
  /** The commit it became part of. */
  commit: PendingCommit | undefined;
  readonly #sent: Promise<void>[] = [];

  constructor(batches: readonly ChangeBatch[], options: AppendOptions) {
    this.batches = batches.map(({ sections, marks: _, ...facts }) => ({
      ...facts,
      hasBarriers: sections.some(({ kind }) => kind !== 'rows'),
    }));
    this.options = options;
  }

  sent(batch: Promise<SentBatch>): void {
    const ranges = this.#ranges();
    const stored = batch.then(({ range, bytes }) => {
      ranges.add(range);
      this.bytes += bytes;
    });
    // Failures are looked at together, in `stored`.
    stored.catch(() => undefined);
    this.#sent.push(stored);
  }

  claimed({ topic, partition }: PartitionBatch, table: TableId, offsets: readonly number[]): void {
    const ranges = this.#ranges();
    for (const start of offsets) {
      ranges.add({ topic, partition, start, end: start + 1, tables: [table] });
    }
  }

  /** Everything written so far stands before the barrier. */
  barrier(barrier: Barrier): void {
    this.steps.push({ barrier });
  }

  /** Resolves when all that was sent is stored; call when nothing more will be. */
  async stored(): Promise<void> {
    await Promise.all(this.#sent);
    this.isStored = true;
  }

  #ranges(): StepRanges {
    const last = this.steps.at(-1);
    if (last instanceof StepRanges) return last;
    const ranges = new StepRanges();
    this.steps.push(ranges);
    return ranges;
  }
}

/** Appends that will be one commit record. */
export class PendingCommit {
  readonly #steps: OpenStep[] = [];
  readonly #checkpoints = new Map<string, unknown>();
  readonly #lostTopics: string[] = [];
  #isStream = false;
  #position: Position | undefined;
  #transactions = 0;
  #committedAtMs = 0;
  #receivedAtMs = 0;
  #bytes = 0;
  #isEmpty = true;
  /** Somebody waits for it. */
  isUrgent = false;
  isStored = false;

  get isEmpty(): boolean {
    return this.#isEmpty;
  }

  add(append: PendingAppend): void {
    const { batches, options, steps, bytes } = append;
    append.commit = this;
    this.#isEmpty = false;
    this.#addSteps(steps);
    for (const batch of batches) this.#addBatch(batch);
    for (const [name, value] of Object.entries(options.checkpoints ?? {})) {
      this.#checkpoints.set(name, value);
    }
    this.#lostTopics.push(...(options.lostTopics ?? []));
    this.#bytes += bytes;
  }

  record(number: number): CommitRecord {
    const entries = [...this.#checkpoints];
    return {
      number,
      origin: this.#isStream ? 'stream' : 'snapshot',
      position: this.#position,
      transactions: this.#transactions,
      committedAtMs: this.#committedAtMs,
      receivedAtMs: this.#receivedAtMs,
      steps: this.#steps.map(closeStep),
      bytes: this.#bytes,
      checkpoints: Object.fromEntries(entries.filter(([, value]) => value !== undefined)),
      removed: entries.filter(([, value]) => value === undefined).map(([name]) => name),
      lostTopics: this.#lostTopics,
    };
  }

  #addSteps(steps: readonly OpenStep[]): void {
    for (const step of steps) {
      const last = this.#steps.at(-1);
      if (last instanceof StepRanges && step instanceof StepRanges) {
        for (const range of step.ranges()) last.add(range);
      } else {
        this.#steps.push(step);
      }
    }
  }

  #addBatch({ origin, position, transactions, committedAtMs, receivedAtMs }: AppendedBatch): void {
    const isStream = origin === 'stream';
    // The place in the stream counts; that of a chunk only says where its table agrees.
    if (isStream || !this.#isStream) {
      this.#position = position;
      this.#committedAtMs = committedAtMs;
    }
    this.#isStream ||= isStream;
    this.#transactions += transactions;
    this.#receivedAtMs = receivedAtMs;
  }
}

function closeStep(step: OpenStep): CommitStep {
  return step instanceof StepRanges ? { ranges: step.ranges() } : step;
}
