import { CdcError } from '../errors.ts';
import { isTransientFault, kafkaCodeOf, toCdcError } from './error-map.ts';
import type { ProducerOptions, RecordProducer } from './kafka-cluster.ts';
import type { KafkaConnections } from './kafka-connections.ts';
import type { ProduceResult } from './produce-request.ts';
import { ProducerDispatcher, type Shipment } from './producer-dispatcher.ts';
import {
  type FencedPartitions,
  fencePartitions,
  type IdentityOptions,
  obtainIdentity,
} from './producer-identity.ts';
import { type ProducerIdentity, ProducerPartition, type Trouble } from './producer-partition.ts';
import { errorOf, refusalOf, verdictOf } from './producer-refusal.ts';
import { findStoredBatches } from './producer-tail.ts';
import type { SealedBatch } from './record-batch.ts';

export interface IdempotentProducerOptions extends ProducerOptions {
  /** Of the producer alone, which closes them: what waits at a broker would hold batches up. */
  readonly connections: KafkaConnections;
  /** How long a partition may be in trouble before the producer gives up. */
  readonly patienceMs?: number;
}

/** A broker remembers the last five batches of a producer, so more cannot be sent again safely. */
const mostInFlight = 5;
const defaultPatienceMs = 120_000;
/** A topic made a moment ago may be unknown for so long. */
const missingTopicMs = 5_000;
const firstPauseMs = 10;
const longestPauseMs = 1_000;

/**
 * Appends batches through Produce requests of our own, idempotently. `ProducerPartition` keeps the order and
 * the sequence numbers of one partition, `ProducerDispatcher` brings batches to brokers, and this class decides
 * what an answer, or none, means.
 *
 * When it cannot be known whether a batch is stored, the producer fails as a whole, and whoever opens another
 * one reads what the partitions hold.
 */
export class IdempotentProducer implements RecordProducer {
  readonly #connections: KafkaConnections;
  readonly #options: IdentityOptions;
  readonly #dispatcher: ProducerDispatcher;
  readonly #partitions = new Map<string, ProducerPartition>();
  #failure: Error | undefined;
  #fences: Promise<unknown> = Promise.resolve();
  #whenSettled: (() => void) | undefined;

  static async open(options: IdempotentProducerOptions): Promise<IdempotentProducer> {
    const { connections, writerId, patienceMs = defaultPatienceMs } = options;
    const identity = await obtainIdentity(connections, { writerId, patienceMs });
    return new IdempotentProducer(options, identity);
  }

  private constructor(options: IdempotentProducerOptions, identity: ProducerIdentity) {
    const { connections, writerId, patienceMs = defaultPatienceMs } = options;
    this.#connections = connections;
    this.#options = { writerId, patienceMs };
    this.#dispatcher = new ProducerDispatcher(connections, identity, {
      maxInFlight: Math.min(options.maxInFlight ?? mostInFlight, mostInFlight),
      listener: {
        onAnswer: (shipment, result) => this.#onAnswer(shipment, result),
        onLost: (shipment, error) => this.#onLost(shipment, error),
        onNoLeader: (partition, error) => this.#onNoLeader(partition, error),
        onBroken: (error) => this.#fail(error),
      },
    });
  }

  send(topic: string, id: number, batch: SealedBatch): Promise<number> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) {
        reject(this.#failure);
        return;
      }
      const partition = this.#partition(topic, id);
      const stored = (baseOffset: number) => {
        batch.release?.();
        resolve(baseOffset);
      };
      const { bytes, recordCount } = batch;
      const progress = { firstSequence: undefined, isInDoubt: false };
      partition.add({ bytes, recordCount, resolve: stored, reject, ...progress });
      this.#dispatcher.add(partition);
    });
  }

  async fence(partitions: FencedPartitions): Promise<void> {
    const fence = this.#fences.then(() => this.#fence(partitions));
    this.#fences = fence.catch(() => undefined);
    await fence;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const message = 'Appending to Kafka: the producer was closed.';
    this.#fail(new CdcError('CDC_KAFKA_UNREACHABLE', message));
    this.#connections[Symbol.dispose]();
  }

  #partition(topic: string, id: number): ProducerPartition {
    const key = `${id} ${topic}`;
    let partition = this.#partitions.get(key);
    if (partition === undefined) {
      partition = new ProducerPartition(topic, id);
      this.#partitions.set(key, partition);
    }
    return partition;
  }

  async #fence(partitions: FencedPartitions): Promise<void> {
    const { writerId, patienceMs } = this.#options;
    if (writerId === undefined) return;
    const dispatcher = this.#dispatcher;
    dispatcher.isPaused = true;
    try {
      // What was sent must be sent again under the identity it was sent with.
      await this.#settled();
      if (this.#failure !== undefined) throw this.#failure;
      dispatcher.identity = await fencePartitions(
        this.#connections,
        dispatcher.identity,
        partitions,
        { writerId, patienceMs },
      );
      for (const partition of this.#partitions.values()) partition.renew();
    } catch (error) {
      this.#fail(error as Error);
      throw error;
    } finally {
      dispatcher.isPaused = false;
      dispatcher.schedule();
    }
  }

  /** Resolves when every batch that was sent is settled, or the producer has failed. */
  async #settled(): Promise<void> {
    const isUnsettled = () => [...this.#partitions.values()].some((each) => each.hasUnsettled);
    while (this.#failure === undefined && isUnsettled()) {
      await new Promise<void>((resolve) => {
        this.#whenSettled = resolve;
      });
    }
  }

  #onAnswer({ partition, batch }: Shipment, result: ProduceResult): void {
    const verdict = verdictOf(result);
    if (verdict === 'stored') partition.markStored(batch, result.baseOffset);
    else if (verdict === 'fenced') this.#fail(errorOf(result));
    else partition.markRefused({ batch, verdict, result, error: errorOf(result) });
    this.#conclude(partition);
  }

  #onLost({ partition, batch }: Shipment, error: unknown): void {
    partition.markRefused({ batch, verdict: 'retry', error: toCdcError(error, doing(partition)) });
    this.#conclude(partition);
  }

  #onNoLeader(partition: ProducerPartition, cause: unknown): void {
    const now = performance.now();
    const error = toCdcError(cause, doing(partition), { topic: partition.topic });
    const isMissing = kafkaCodeOf(cause) === 'UNKNOWN_TOPIC_OR_PARTITION';
    partition.missingSince = isMissing ? (partition.missingSince ?? now) : undefined;
    const isPassing =
      partition.missingSince === undefined
        ? isTransientFault(cause)
        : now - partition.missingSince < missingTopicMs;
    if (isPassing || partition.isOnWire) this.#pause(partition, error);
    else this.#reject(partition, error);
  }

  /** Decides how to go on with a partition once everything on the wire is answered. */
  #conclude(partition: ProducerPartition): void {
    if (partition.isOnWire || this.#failure !== undefined) return;
    const trouble = partition.takeTrouble();
    if (trouble === undefined) this.#whenSettled?.();
    else if (trouble.verdict === 'gap') void this.#lookUp(partition, trouble);
    else if (trouble.verdict === 'refused') void this.#refuse(partition, trouble);
    else {
      this.#connections.forget();
      this.#pause(partition, trouble.error);
    }
  }

  /** The broker counts otherwise than we do. What it has stored, only the partition itself tells. */
  async #lookUp(partition: ProducerPartition, { error, batch }: Trouble): Promise<void> {
    if (!batch.isInDoubt) {
      this.#fail(unknownOutcome(error, 'The broker has lost track of this producer.'));
      return;
    }
    partition.isHeld = true;
    const { identity } = this.#dispatcher;
    const found = await findStoredBatches(this.#connections, partition, identity).catch(() => []);
    partition.isHeld = false;
    if (this.#failure !== undefined) return;
    for (const { batch: stored, baseOffset } of found) partition.settle(stored, baseOffset);
    if (found.length === 0) this.#pause(partition, error);
    this.#whenSettled?.();
    this.#dispatcher.schedule();
  }

  async #refuse(
    partition: ProducerPartition,
    { result, batch }: Trouble & { verdict: 'refused' },
  ): Promise<void> {
    partition.isHeld = true;
    const error = await refusalOf(this.#connections, result, batch);
    partition.isHeld = false;
    if (this.#failure === undefined) this.#reject(partition, error);
  }

  #reject(partition: ProducerPartition, error: Error): void {
    partition.rejectAll(error);
    this.#whenSettled?.();
  }

  #pause(partition: ProducerPartition, error: Error): void {
    const now = performance.now();
    partition.troubledSince ??= now;
    if (now - partition.troubledSince > this.#options.patienceMs) {
      const seconds = Math.round((now - partition.troubledSince) / 1000);
      this.#fail(unknownOutcome(error, `Nothing could be appended for ${seconds} s.`));
      return;
    }
    const pauseMs = Math.min(firstPauseMs * 2 ** partition.failedAttempts, longestPauseMs);
    partition.failedAttempts++;
    partition.retryAt = now + pauseMs;
    this.#dispatcher.schedule();
  }

  #fail(error: Error): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#dispatcher.close();
    for (const partition of this.#partitions.values()) partition.rejectAll(error);
    this.#whenSettled?.();
  }
}

function doing({ topic, id }: ProducerPartition): string {
  return `Appending to partition ${id} of topic ${topic}`;
}

/** The error of a producer that is of no more use. */
function unknownOutcome(cause: Error, what: string): CdcError {
  const details = cause instanceof CdcError ? cause.details : {};
  const message = `${cause.message} ${what} Which batches are stored is not known.`;
  return new CdcError('CDC_KAFKA_UNREACHABLE', message, { cause, details });
}
