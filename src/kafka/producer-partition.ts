import type { ProduceResult } from './produce-request.ts';
import { identifyBatch, type SealedBatch } from './record-batch.ts';

export interface ProducerIdentity {
  readonly producerId: bigint;
  readonly producerEpoch: number;
}

/** A batch that its sender waits for. */
export interface PendingBatch extends SealedBatch {
  readonly resolve: (baseOffset: number) => void;
  readonly reject: (error: Error) => void;
  /** Undefined until it is sent for the first time. */
  firstSequence: number | undefined;
  /** An attempt had no clear answer, so the batch may be stored. */
  isInDoubt: boolean;
}

/** A batch that was not stored by an attempt, as far as is known. */
export type Trouble = { readonly batch: PendingBatch; readonly error: Error } & (
  | { readonly verdict: 'retry' | 'gap' }
  | { readonly verdict: 'refused'; readonly result: ProduceResult }
);

/** Sequence numbers count records and start again at 0 after 2^31 - 1. */
const sequences = 2 ** 31;

/**
 * The batches of one partition on their way, in their order, with the sequence numbers by which the broker
 * knows what it has already.
 *
 *   pending:  [ answered no | on the wire | on the wire | not sent yet ]
 *                                                       ^ #sent
 *
 * After an answer other than success nothing new is sent until everything on the wire is answered: the
 * broker refuses what follows a gap. Then all that is still pending goes out again, the same bytes in the
 * same order. The first batch after that, and the first one of an identity, goes alone: a broker that knows
 * nothing of a producer takes any sequence number, so a later batch must not get there without it.
 */
export class ProducerPartition {
  readonly topic: string;
  readonly id: number;
  /** Since when nothing succeeded here; undefined while all is well. */
  troubledSince: number | undefined;
  /** Since when metadata does not know the topic. */
  missingSince: number | undefined;
  failedAttempts = 0;
  /** Not to be tried before. */
  retryAt = 0;
  /** The offset after the last batch known to be stored. */
  end: number | undefined;
  /** Something is being found out, and nothing is sent meanwhile. */
  isHeld = false;

  #pending: PendingBatch[] = [];
  #sent = 0;
  #onWire = 0;
  #nextSequence = 0;
  #isProven = false;
  #isRewinding = false;
  #trouble: Trouble | undefined;

  constructor(topic: string, id: number) {
    this.topic = topic;
    this.id = id;
  }

  get name(): string {
    return `${this.topic}/${this.id}`;
  }

  get pending(): readonly PendingBatch[] {
    return this.#pending;
  }

  /** Whether batches that were sent at least once have not been settled. */
  get hasUnsettled(): boolean {
    return this.#pending[0]?.firstSequence !== undefined;
  }

  get isOnWire(): boolean {
    return this.#onWire > 0;
  }

  add(batch: PendingBatch): void {
    this.#pending.push(batch);
  }

  /** The batch to be sent next, if one may be sent now. `again`: only one that was sent before. */
  next(again: boolean): PendingBatch | undefined {
    if (this.#isRewinding || this.isHeld) return undefined;
    if (!this.#isProven && this.#onWire > 0) return undefined;
    const batch = this.#pending[this.#sent];
    return again && batch?.firstSequence === undefined ? undefined : batch;
  }

  /** The batch that `next` gave goes out. */
  markSent(batch: PendingBatch, identity: ProducerIdentity): void {
    if (batch.firstSequence === undefined) {
      batch.firstSequence = this.#nextSequence;
      this.#nextSequence = (this.#nextSequence + batch.recordCount) % sequences;
      identifyBatch(batch.bytes, { ...identity, firstSequence: batch.firstSequence });
    }
    this.#sent++;
    this.#onWire++;
  }

  /** A batch that was on the wire is stored. */
  markStored(batch: PendingBatch, baseOffset: number): void {
    this.#onWire--;
    this.#isProven = true;
    this.settle(batch, baseOffset);
    this.#endRewind();
  }

  /** A batch that was on the wire is not stored, as far as is known; those behind it will not be either. */
  markRefused(trouble: Trouble): void {
    this.#onWire--;
    if (trouble.verdict === 'retry') trouble.batch.isInDoubt = true;
    this.#trouble ??= trouble;
    this.#isRewinding = true;
    this.#endRewind();
  }

  /** What went wrong first since the last call. */
  takeTrouble(): Trouble | undefined {
    const trouble = this.#trouble;
    this.#trouble = undefined;
    return trouble;
  }

  /** A batch is stored, whatever became of its attempts. */
  settle(batch: PendingBatch, baseOffset: number): void {
    const index = this.#pending.indexOf(batch);
    this.#pending.splice(index, 1);
    if (index < this.#sent) this.#sent--;
    this.end = Math.max(this.end ?? 0, baseOffset + batch.recordCount);
    this.troubledSince = undefined;
    this.missingSince = undefined;
    this.failedAttempts = 0;
    batch.resolve(baseOffset);
  }

  /**
   * Gives up all batches with one error, those behind a refused one because order would be lost. Nothing may
   * be on the wire. Sequence numbers are used again only when none of these batches can be stored: the
   * broker would take another batch with the number of a stored one for that one.
   */
  rejectAll(error: Error): void {
    const rejected = this.#pending;
    const first = rejected[0]?.firstSequence;
    if (first !== undefined && !rejected.some((batch) => batch.isInDoubt)) {
      this.#nextSequence = first;
    }
    this.#pending = [];
    this.#sent = 0;
    this.#isProven = false;
    this.troubledSince = undefined;
    this.missingSince = undefined;
    this.failedAttempts = 0;
    for (const batch of rejected) batch.reject(error);
  }

  /** Another identity: sequence numbers start at 0. Nothing may be unsettled. */
  renew(): void {
    this.#nextSequence = 0;
    this.#isProven = false;
  }

  #endRewind(): void {
    if (!this.#isRewinding || this.#onWire > 0) return;
    this.#isRewinding = false;
    this.#isProven = false;
    this.#sent = 0;
  }
}
