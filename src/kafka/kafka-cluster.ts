import type { SealedBatch } from './record-batch.ts';

/**
 * A Kafka cluster, as far as the log and the sources need it; `KafkajsCluster` is the one there is.
 *
 * - Everything is pulled by offset; nothing is committed to groups unless `GroupMember` does.
 * - Offsets are numbers: a partition does not reach 2^53 records.
 * - Errors: CDC_KAFKA_UNREACHABLE (transient; connections are made anew by the next call),
 *   CDC_KAFKA_ACCESS_DENIED, CDC_KAFKA_TOPIC_NOT_FOUND with `details.topic`, CDC_KAFKA_REJECTED with
 *   the broker's error name in `details.kafkaCode`.
 * - Any number of calls may run at the same time; the caller closes it.
 */
export interface KafkaCluster extends AsyncDisposable {
  describe(): Promise<{ readonly clusterId: string; readonly brokers: readonly string[] }>;

  /** Names of all topics, internal ones left out. */
  topics(): Promise<string[]>;
  /** Partitions and settings of topics; undefined for one that does not exist. Always asks the brokers. */
  describeTopics(
    names: readonly string[],
  ): Promise<ReadonlyMap<string, TopicDescription | undefined>>;
  /** Creates topics; one that exists already is left as it is. Resolves when each partition has a leader. */
  createTopics(topics: readonly NewTopic[]): Promise<void>;

  /**
   * First offset still there and the offset after the last record, of every partition. Records from the
   * first transaction on that is still open do not count: they cannot be fetched yet.
   */
  bounds(topic: string): Promise<PartitionBounds[]>;
  /** The first offset of each partition at or after a time; the end where there is none. */
  offsetsAt(topic: string, timeMs: number): Promise<ReadonlyMap<number, number>>;
  /** Removes records before `offset`. */
  deleteRecords(topic: string, partition: number, offset: number): Promise<void>;

  /**
   * Records from each place on, those that are there or arrive within `maxWaitMs`; the places in the
   * order that the brokers answer. A place that has none is left out; one that has only control records or
   * aborted ones comes with its next offset and no records. Throws CDC_KAFKA_OFFSET_LOST with
   * topic, partition and the first offset there is when a place lies before it (retention) or behind the end.
   */
  fetch(places: readonly FetchPlace[], options: FetchOptions): Promise<FetchedRecords[]>;

  /** A producer whose records are all there or none, in order, once. See RecordProducer. */
  openProducer(options: ProducerOptions): Promise<RecordProducer>;
}

export interface TopicDescription {
  readonly partitions: readonly { readonly id: number; readonly replicas: number }[];
  /** Settings by name as the broker spells them: `retention.ms`, `cleanup.policy`, `max.message.bytes`, ... */
  readonly settings: ReadonlyMap<string, string>;
}

export interface NewTopic {
  readonly topic: string;
  readonly partitions: number;
  /** Undefined: the cluster's default. */
  readonly replication: number | undefined;
  readonly settings: Readonly<Record<string, string>>;
}

export interface PartitionBounds {
  readonly partition: number;
  readonly low: number;
  readonly high: number;
}

export interface FetchPlace {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

export interface FetchOptions {
  /** Of the whole answer; at least one record of each broker comes whatever its size. */
  readonly maxBytes: number;
  readonly maxWaitMs: number;
  readonly signal?: AbortSignal;
}

export interface FetchedRecords {
  readonly topic: string;
  readonly partition: number;
  readonly records: readonly KafkaRecord[];
  /** Where to go on; beyond the last record when control records follow it. */
  readonly nextOffset: number;
  /** The offset after the last record of the partition as of this answer; see `bounds`. */
  readonly high: number;
}

export interface KafkaRecord {
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, Buffer>>;
}

export interface ProducerOptions {
  /**
   * Names the writer: a producer opened later with the same name fences this one, whose next `send`
   * throws CDC_LOG_FENCED. Undefined: nobody is fenced.
   */
  readonly writerId?: string;
  /** Batches on their way to one broker at a time, 1-5. */
  readonly maxInFlight?: number;
}

/**
 * Sends record batches. A batch is stored in all in-sync replicas (acks=all) when `send` resolves, and
 * once, whatever was sent again; batches of a partition are stored in the order of their `send`.
 * Connections lost and leaders moved are mended inside for up to two minutes; then CDC_KAFKA_UNREACHABLE,
 * after which the producer is of no more use: which batches are stored is not known.
 */
export interface RecordProducer extends AsyncDisposable {
  /**
   * Shuts out, in these partitions, every producer of the same writer id opened before. Resolves when
   * none of them can append any more, so what a partition holds then is all that they have written.
   */
  fence(partitions: ReadonlyMap<string, readonly number[]>): Promise<void>;

  /**
   * Appends a batch to a partition; resolves to the offset of its first record. Throws
   * CDC_LOG_MESSAGE_TOO_LARGE, CDC_KAFKA_TOPIC_NOT_FOUND, CDC_LOG_FENCED, CDC_KAFKA_ACCESS_DENIED.
   */
  send(topic: string, partition: number, batch: SealedBatch): Promise<number>;
}
