import type { TableId } from '../../change/table-id.ts';
import { CdcError } from '../../errors.ts';
import { BatchSender, type PartitionLane, type StoredBatch } from '../../kafka/batch-sender.ts';
import type { RecordProducer } from '../../kafka/kafka-cluster.ts';
import { RecordBatchWriter } from '../../kafka/record-batch-writer.ts';
import type { RecordRange } from './commit-record.ts';
import type { KafkaLogOptions } from './options.ts';
import { PartitionTail } from './partition-tail.ts';

/** A batch is sent at this size, uncompressed: below the 1 MB that brokers take by default. */
const batchBytes = 512 * 1024;
/** With the next record a batch may pass the first limit, but not this one. */
const largestBatch = 960 * 1024;

/** One partition as the log's writer sees it. */
export interface PartitionBatch extends PartitionLane {
  readonly tail: PartitionTail;
  /** Tables with rows in `batch`. */
  tables: Set<TableId>;
}

/** Where a batch lies, and how large it was. */
export interface SentBatch {
  readonly range: RecordRange;
  readonly bytes: number;
}

/** Batches being filled, one a partition, and those on their way. */
export class PartitionBatches {
  readonly #sender: BatchSender;
  readonly #topics = new Map<string, PartitionBatch[]>();
  /** Partitions with records that have not been sent. */
  readonly #filled = new Set<PartitionBatch>();

  constructor(producer: RecordProducer, compression: KafkaLogOptions['compression']) {
    this.#sender = new BatchSender(producer, compression);
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
    this.#filled.delete(from);
    return this.#sent(from, this.#sender.send(from));
  }

  /**
   * Call when a record was added, before a tombstone that belongs to it: a batch that it has made larger
   * than topics take goes without it.
   */
  sendIfTooLarge(from: PartitionBatch): Promise<SentBatch> | undefined {
    const { bytes, recordCount } = from.batch;
    if (bytes <= largestBatch || recordCount < 2) return undefined;
    return this.#sent(from, this.#sender.sendWithoutLast(from));
  }

  async #sent(from: PartitionBatch, stored: Promise<StoredBatch>): Promise<SentBatch> {
    const { topic, partition } = from;
    const tables = [...from.tables];
    from.tables = new Set();
    try {
      const { start, end, bytes } = await stored;
      return { range: { topic, partition, start, end, tables }, bytes };
    } catch (error) {
      throw withTables(error, tables);
    }
  }

  /** Every partition with records that have not been sent. */
  filled(): PartitionBatch[] {
    return [...this.#filled];
  }

  /** Resolves when encoding may go on. */
  async room(): Promise<void> {
    await this.#sender.room();
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
