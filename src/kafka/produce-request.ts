import type { RawRequest } from './kafkajs-internals.ts';

/** A batch for a partition, its identity and checksum written. */
export interface ProduceEntry {
  readonly topic: string;
  readonly partition: number;
  readonly bytes: Buffer;
}

export interface ProduceResult {
  readonly topic: string;
  readonly partition: number;
  /** Of the protocol; 0 is well. */
  readonly errorCode: number;
  /** -1 when the broker does not say. */
  readonly baseOffset: number;
}

export interface ProduceAnswer {
  readonly results: readonly ProduceResult[];
  /** How long the broker wants to be left alone. */
  readonly throttleMs: number;
}

/** How long a leader waits for its followers before it answers REQUEST_TIMED_OUT. */
const replicationTimeoutMs = 20_000;
/** Without an answer for so long, the broker is taken to be dead. */
const answerTimeoutMs = 30_000;

/**
 * Produce request, version 7, with acks=all and at most one batch of each partition, since a broker takes no more:
 *
 *   transactional_id NULLABLE_STRING, acks INT16, timeout_ms INT32, [topic]
 *     topic: name STRING, [partition]
 *       partition: index INT32, record_set RECORDS (length INT32, bytes)
 *
 * The transactional id is null: what identifies the writer is in the batches, and they belong to no transaction.
 */
export function produceRequest(entries: readonly ProduceEntry[]): RawRequest {
  const topics = new Map<string, ProduceEntry[]>();
  for (const entry of entries) {
    const others = topics.get(entry.topic);
    if (others === undefined) topics.set(entry.topic, [entry]);
    else others.push(entry);
  }
  const parts: Buffer[] = [encodeHead(topics.size)];
  for (const [topic, batches] of topics) {
    parts.push(encodeTopic(topic, batches.length));
    for (const { partition, bytes } of batches)
      parts.push(encodePartition(partition, bytes), bytes);
  }
  return { apiKey: 0, apiVersion: 7, apiName: 'Produce', parts, timeoutMs: answerTimeoutMs };
}

function encodeHead(topics: number): Buffer {
  const bytes = Buffer.allocUnsafe(12);
  bytes.writeInt16BE(-1, 0);
  bytes.writeInt16BE(-1, 2);
  bytes.writeInt32BE(replicationTimeoutMs, 4);
  bytes.writeInt32BE(topics, 8);
  return bytes;
}

function encodePartition(partition: number, records: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeInt32BE(partition, 0);
  bytes.writeInt32BE(records.length, 4);
  return bytes;
}

function encodeTopic(topic: string, partitions: number): Buffer {
  const name = Buffer.from(topic);
  const bytes = Buffer.allocUnsafe(6 + name.length);
  bytes.writeInt16BE(name.length, 0);
  name.copy(bytes, 2);
  bytes.writeInt32BE(partitions, 2 + name.length);
  return bytes;
}

/**
 * Produce answer, version 7:
 *
 *   [topic], throttle_time_ms INT32
 *     topic: name STRING, [partition]
 *       partition: index INT32, error_code INT16, base_offset INT64, log_append_time_ms INT64, log_start_offset INT64
 */
export function decodeProduceAnswer(body: Buffer): ProduceAnswer {
  const results: ProduceResult[] = [];
  let at = 4;
  for (let topics = body.readInt32BE(0); topics > 0; topics--) {
    const end = at + 2 + body.readInt16BE(at);
    const topic = body.toString('utf8', at + 2, end);
    at = end + 4;
    for (let partitions = body.readInt32BE(end); partitions > 0; partitions--) {
      results.push({
        topic,
        partition: body.readInt32BE(at),
        errorCode: body.readInt16BE(at + 4),
        baseOffset: Number(body.readBigInt64BE(at + 6)),
      });
      at += 30;
    }
  }
  return { results, throttleMs: body.readInt32BE(at) };
}
