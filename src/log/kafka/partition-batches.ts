import type { TableId } from '../../change/table-id.ts';
import { CdcError } from '../../errors.ts';
import type { RecordProducer } from '../../kafka/kafka-cluster.ts';
import type { SealedBatch } from '../../kafka/record-batch.ts';
import { RecordBatchWriter } from '../../kafka/record-batch-writer.ts';
import type { RecordRange } from './commit-record.ts';
import type { KafkaLogOptions } from './options.ts';
import { PartitionTail } from './partition-tail.ts';

/** A batch is sent at this size, uncompressed: below the 1 MB that brokers take by default. */
const batchBytes = 512 * 1024;
/** Small batches gain less from compression than it costs. */
const worthCompressing = 2 * 1024;
/** With the next record a batch may pass the first limit, but not this one. */
const largestBatch = 960 * 1024;
/** On their way to the brokers; encoding waits while there are more. */
const maxInFlightBytes = 16 * 1024 ** 2;

/** One partition as the writer sees it. */
export interface PartitionBatch {
  readonly topic: string;
  readonly partition: number;
  readonly batch: RecordBatchWriter;
  readonly tail: PartitionTail;
  /** The offset after the last record stored, as far as we know. */
  end: number;
  /** Tables with rows in `batch`. */
  tables: Set<TableId>;
  /** Resolves when the batch sealed last has been handed to the producer. */
  turn: Promise<unknown>;
}

/** Where a batch lies, and how large it was. */
export interface SentBatch {
  readonly range: RecordRange;
  readonly bytes: number;
}

/** Batches being filled, one a partition, and those on their way. */
export class PartitionBatches {
  readonly #producer: RecordProducer;
  readonly #compression: KafkaLogOptions['compression'];
  readonly #topics = new Map<string, PartitionBatch[]>();
  /** Partitions with records that have not been sent. */
  readonly #filled = new Set<PartitionBatch>();
  #inFlightBytes = 0;
  #relieved: (() => void) | undefined;

  constructor(producer: RecordProducer, compression: KafkaLogOptions['compression']) {
    this.#producer = producer;
    this.#compression = compression;
  }

  of(topic: string): readonly PartitionBatch[] | undefined {
    return this.#topics.get(topic);
  }

  /** Partitions of every topic in use. */
  topics(): Map<string, number> {
    return new Map([...this.#topics].map(([topic, { length }]) => [topic, length]));
  }

  /** `ends`: the offset after the last record of each partition. */
  open(topic: string, ends: readonly number[]): readonly PartitionBatch[] {
    const batches = ends.map((end, partition) => ({
      topic,
      partition,
      end,
      batch: new RecordBatchWriter(),
      tail: new PartitionTail(),
      tables: new Set<TableId>(),
      turn: Promise.resolve(),
    }));
    this.#topics.set(topic, batches);
    return batches;
  }

  /** Call when a record was added; `table` undefined for an event. True when the batch should be sent. */
  added(into: PartitionBatch, table: TableId | undefined): boolean {
    this.#filled.add(into);
    if (table !== undefined) into.tables.add(table);
    return into.batch.bytes >= batchBytes;
  }

  /** Sends what the partition has gathered; the promise resolves to where it lies. */
  send(from: PartitionBatch): Promise<SentBatch> {
    const { bytes } = from.batch;
    this.#filled.delete(from);
    return this.#store(from, from.batch.seal(this.#compressionFor(bytes)), bytes);
  }

  /**
   * Call when a record was added, before a tombstone that belongs to it: a batch that it has made larger
   * than topics take goes without it.
   */
  sendIfTooLarge(from: PartitionBatch): Promise<SentBatch> | undefined {
    const { bytes, recordCount } = from.batch;
    if (bytes <= largestBatch || recordCount < 2) return undefined;
    const sealed = from.batch.sealWithoutLast(this.#compressionFor(bytes));
    return this.#store(from, sealed, bytes - from.batch.bytes);
  }

  #compressionFor(bytes: number): KafkaLogOptions['compression'] {
    return bytes < worthCompressing ? 'none' : this.#compression;
  }

  async #store(
    from: PartitionBatch,
    sealed: SealedBatch | Promise<SealedBatch>,
    bytes: number,
  ): Promise<SentBatch> {
    const { topic, partition } = from;
    const tables = [...from.tables];
    from.tables = new Set();
    this.#inFlightBytes += bytes;
    // Compressions end in any order; batches of a partition are stored in theirs.
    const turn = from.turn.then(() => sealed);
    from.turn = turn.catch(() => undefined);
    try {
      const batch = await turn;
      const start = await this.#producer.send(topic, partition, batch);
      if (start < from.end) throw createdAnew(topic);
      from.end = start + batch.recordCount;
      return { range: { topic, partition, start, end: from.end, tables }, bytes };
    } catch (error) {
      throw withTables(error, tables);
    } finally {
      this.#inFlightBytes -= bytes;
      if (this.#inFlightBytes <= maxInFlightBytes) this.#relieved?.();
    }
  }

  /** Every partition with records that have not been sent. */
  filled(): PartitionBatch[] {
    return [...this.#filled];
  }

  /** Resolves when encoding may go on. */
  async room(): Promise<void> {
    while (this.#inFlightBytes > maxInFlightBytes) {
      await new Promise<void>((resolve) => {
        this.#relieved = resolve;
      });
    }
  }
}

/** Whose change is too large, the topic alone does not say. */
function withTables(error: unknown, tables: readonly TableId[]): unknown {
  const isTooLarge = error instanceof CdcError && error.code === 'CDC_LOG_MESSAGE_TOO_LARGE';
  if (!isTooLarge || tables.length === 0) return error;
  const { code, message, remedy } = error;
  const details = { ...error.details, tables };
  return new CdcError(code, `Writing changes of ${tables.join(', ')}: ${message}`, {
    cause: error,
    details,
    remedy,
  });
}

function createdAnew(topic: string): CdcError {
  return new CdcError('CDC_KAFKA_TOPIC_NOT_FOUND', `Topic ${topic} was deleted and created anew.`, {
    details: { topic },
  });
}
