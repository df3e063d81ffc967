import { CdcError } from '../errors.ts';
import type { Compression } from './compression.ts';
import type { RecordProducer } from './kafka-cluster.ts';
import type { SealedBatch } from './record-batch.ts';
import type { RecordBatchWriter } from './record-batch-writer.ts';

/** Small batches gain less from compression than it costs. */
const worthCompressing = 2 * 1024;
/** On their way to the brokers; encoding waits while there are more. */
const maxInFlightBytes = 16 * 1024 ** 2;

/** One partition as its writer sees it. */
export interface PartitionLane {
  readonly topic: string;
  readonly partition: number;
  readonly batch: RecordBatchWriter;
  /** The offset after the last record stored, as far as we know. */
  end: number;
  /** Resolves when the batch sealed last has been handed to the producer. */
  turn: Promise<unknown>;
}

/** Where the records of a batch lie, and how large it was. */
export interface StoredBatch {
  readonly start: number;
  readonly end: number;
  readonly bytes: number;
}

/** Sends what lanes have gathered: compressed, those of a lane in their order, not too many at a time. */
export class BatchSender {
  readonly #producer: RecordProducer;
  readonly #compression: Compression;
  #inFlightBytes = 0;
  #relieved: (() => void)[] = [];

  constructor(producer: RecordProducer, compression: Compression) {
    this.#producer = producer;
    this.#compression = compression;
  }

  /** Sends the records of the lane's batch. Throws what `RecordProducer.send` throws. */
  send(lane: PartitionLane): Promise<StoredBatch> {
    const { bytes } = lane.batch;
    return this.#store(lane, lane.batch.seal(this.#compressionFor(bytes)), bytes);
  }

  /** As `send`, but the record written last stays, as the first of the next batch. */
  sendWithoutLast(lane: PartitionLane): Promise<StoredBatch> {
    const { bytes } = lane.batch;
    const sealed = lane.batch.sealWithoutLast(this.#compressionFor(bytes));
    return this.#store(lane, sealed, bytes - lane.batch.bytes);
  }

  /** As `send`; throws CDC_LOG_MESSAGE_TOO_LARGE by itself when the batch is larger than `maxBytes` as it would be sent. */
  sendUpTo(lane: PartitionLane, maxBytes: number): Promise<StoredBatch> {
    const { topic, batch } = lane;
    const { bytes } = batch;
    const sealed = Promise.resolve(batch.seal(this.#compressionFor(bytes))).then((whole) => {
      if (whole.bytes.length <= maxBytes) return whole;
      whole.release?.();
      throw tooLarge(topic, whole.bytes.length, maxBytes);
    });
    return this.#store(lane, sealed, bytes);
  }

  /** Resolves when encoding may go on. */
  async room(): Promise<void> {
    while (this.#inFlightBytes > maxInFlightBytes) {
      await new Promise<void>((resolve) => this.#relieved.push(resolve));
    }
  }

  #compressionFor(bytes: number): Compression {
    return bytes < worthCompressing ? 'none' : this.#compression;
  }

  async #store(
    lane: PartitionLane,
    sealed: SealedBatch | Promise<SealedBatch>,
    bytes: number,
  ): Promise<StoredBatch> {
    const { topic, partition } = lane;
    this.#inFlightBytes += bytes;
    // Compressions end in any order; batches of a partition are stored in theirs.
    const turn = lane.turn.then(() => sealed);
    lane.turn = turn.catch(() => undefined);
    try {
      const batch = await turn;
      const start = await this.#producer.send(topic, partition, batch);
      if (start < lane.end) throw createdAnew(topic);
      lane.end = start + batch.recordCount;
      return { start, end: lane.end, bytes };
    } finally {
      this.#inFlightBytes -= bytes;
      if (this.#inFlightBytes <= maxInFlightBytes) {
        for (const resolve of this.#relieved.splice(0)) resolve();
      }
    }
  }
}

function createdAnew(topic: string): CdcError {
  return new CdcError('CDC_KAFKA_TOPIC_NOT_FOUND', `Topic ${topic} was deleted and created anew.`, {
    details: { topic },
  });
}

function tooLarge(topic: string, bytes: number, limit: number): CdcError {
  const message = `Appending to topic ${topic}: ${bytes} bytes are more than its max.message.bytes of ${limit}.`;
  return new CdcError('CDC_LOG_MESSAGE_TOO_LARGE', message, { details: { topic, bytes, limit } });
}
