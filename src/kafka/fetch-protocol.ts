import type { FetchPlace } from './kafka-cluster.ts';
import type { RawRequest } from './kafkajs-internals.ts';

/** Transactions that are still open or were aborted are nobody's business. */
const readCommitted = 1;

export interface FetchLimits {
  readonly maxBytes: number;
  readonly maxPartitionBytes: number;
  readonly maxWaitMs: number;
}

/** What the answer to a fetch says of one partition. */
export interface PartitionAnswer {
  readonly topic: string;
  readonly partition: number;
  /** Of the protocol; 0 is well. */
  readonly errorCode: number;
  /** The offset before which every transaction has ended. */
  readonly lastStableOffset: number;
  readonly aborted: readonly AbortedTransaction[];
  /** Record batches one behind the other; the last one may be cut off. */
  readonly batches: Buffer;
}

/** Records of this producer from this offset to its next abort marker do not count. */
export interface AbortedTransaction {
  readonly producerId: bigint;
  readonly firstOffset: number;
}

/**
 * Fetch request, version 11: replica_id INT32, max_wait_ms INT32, min_bytes INT32, max_bytes INT32,
 * isolation_level INT8, session_id INT32, session_epoch INT32, [topics], [forgotten_topics], rack_id STRING.
 *   topic: name STRING, [partitions]
 *     partition: id INT32, current_leader_epoch INT32, fetch_offset INT64, log_start_offset INT64, max_bytes INT32
 * No session: session_epoch is -1.
 */
export function encodeFetch(places: readonly FetchPlace[], limits: FetchLimits): RawRequest {
  const topics = new Map<string, FetchPlace[]>();
  for (const place of places) {
    const known = topics.get(place.topic);
    if (known === undefined) topics.set(place.topic, [place]);
    else known.push(place);
  }
  const nameBytes = [...topics.keys()].reduce((sum, name) => sum + Buffer.byteLength(name), 0);
  const bytes = Buffer.allocUnsafe(35 + topics.size * 6 + nameBytes + places.length * 28);
  let at = bytes.writeInt32BE(-1, 0);
  at = bytes.writeInt32BE(limits.maxWaitMs, at);
  at = bytes.writeInt32BE(1, at);
  at = bytes.writeInt32BE(limits.maxBytes, at);
  at = bytes.writeInt8(readCommitted, at);
  at = bytes.writeInt32BE(0, at);
  at = bytes.writeInt32BE(-1, at);
  at = bytes.writeInt32BE(topics.size, at);
  for (const [topic, partitions] of topics) {
    at = bytes.writeInt16BE(Buffer.byteLength(topic), at);
    at += bytes.write(topic, at);
    at = bytes.writeInt32BE(partitions.length, at);
    for (const { partition, offset } of partitions) {
      at = bytes.writeInt32BE(partition, at);
      at = bytes.writeInt32BE(-1, at);
      at = bytes.writeBigInt64BE(BigInt(offset), at);
      at = bytes.writeBigInt64BE(-1n, at);
      at = bytes.writeInt32BE(limits.maxPartitionBytes, at);
    }
  }
  at = bytes.writeInt32BE(0, at);
  bytes.writeInt16BE(0, at);
  return { apiKey: 1, apiVersion: 11, apiName: 'Fetch', parts: [bytes] };
}

/**
 * Fetch response, version 11: throttle_time_ms INT32, error_code INT16, session_id INT32, [topics].
 *   topic: name STRING, [partitions]
 *     partition: id INT32, error_code INT16, high_watermark INT64, last_stable_offset INT64, log_start_offset INT64,
 *       [aborted_transactions: producer_id INT64, first_offset INT64], preferred_read_replica INT32, records BYTES
 * Arrays and bytes that are null have length -1. The batches are parts of `bytes`, not copies.
 */
export function decodeFetch(bytes: Buffer): { errorCode: number; partitions: PartitionAnswer[] } {
  const errorCode = bytes.readInt16BE(4);
  const partitions: PartitionAnswer[] = [];
  let at = 10;
  const topicCount = bytes.readInt32BE(at);
  at += 4;
  for (let index = 0; index < topicCount; index++) {
    const nameEnd = at + 2 + bytes.readInt16BE(at);
    const topic = bytes.toString('utf8', at + 2, nameEnd);
    const partitionCount = bytes.readInt32BE(nameEnd);
    at = nameEnd + 4;
    for (let count = 0; count < partitionCount; count++) {
      const abortedAt = at + 34;
      const aborted: AbortedTransaction[] = [];
      const abortedEnd = abortedAt + 16 * Math.max(0, bytes.readInt32BE(at + 30));
      for (let place = abortedAt; place < abortedEnd; place += 16) {
        const producerId = bytes.readBigInt64BE(place);
        aborted.push({ producerId, firstOffset: Number(bytes.readBigInt64BE(place + 8)) });
      }
      const recordsAt = abortedEnd + 8;
      const recordsEnd = recordsAt + Math.max(0, bytes.readInt32BE(abortedEnd + 4));
      partitions.push({
        topic,
        partition: bytes.readInt32BE(at),
        errorCode: bytes.readInt16BE(at + 4),
        lastStableOffset: Number(bytes.readBigInt64BE(at + 14)),
        aborted,
        batches: bytes.subarray(recordsAt, recordsEnd),
      });
      at = recordsEnd;
    }
  }
  return { errorCode, partitions };
}
