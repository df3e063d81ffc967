import { decodeFetch, encodeFetch } from './fetch-protocol.ts';
import type { KafkaConnections } from './kafka-connections.ts';
import { protocolError } from './kafkajs-internals.ts';
import { readBounds } from './partition-offsets.ts';
import type { PendingBatch, ProducerIdentity, ProducerPartition } from './producer-partition.ts';
import { batchField } from './record-batch.ts';

const maxBytes = 4 * 1024 * 1024;
const limits = { maxBytes, maxPartitionBytes: maxBytes, maxWaitMs: 0 };
/** Records that others may have put between ours, when it is not known where ours begin. */
const othersMargin = 1_000;

export interface StoredBatch {
  readonly batch: PendingBatch;
  readonly baseOffset: number;
}

/**
 * Looks into a partition for batches that were sent: those that are stored. A broker that was restarted
 * recognises only the last of several batches sent again; the earlier ones are answered as if there were a
 * gap. That a batch is not found says nothing: it may be about to be replicated.
 */
export async function findStoredBatches(
  connections: KafkaConnections,
  partition: ProducerPartition,
  identity: ProducerIdentity,
): Promise<StoredBatch[]> {
  const { topic, id } = partition;
  const leader = await connections.leaderOf(topic, id);
  const wanted = new Map(partition.pending.map((batch) => [batch.firstSequence, batch]));
  const found: StoredBatch[] = [];
  let offset = partition.end ?? (await guessStart(connections, partition));
  let end: number;
  do {
    const request = encodeFetch([{ topic, partition: id, offset }], limits);
    const answer = decodeFetch(await connections.send(leader, request));
    const tail = answer.partitions[0];
    const errorCode = answer.errorCode || (tail?.errorCode ?? 0);
    if (tail === undefined || errorCode !== 0) throw protocolError(errorCode);
    end = tail.lastStableOffset;
    const before = offset;
    for (const header of headersOf(tail.batches)) {
      const baseOffset = Number(header.readBigInt64BE(0));
      const isOurs =
        header.readBigInt64BE(batchField.producerId) === identity.producerId &&
        header.readInt16BE(batchField.producerEpoch) === identity.producerEpoch;
      const batch = isOurs && wanted.get(header.readInt32BE(batchField.baseSequence));
      if (batch) found.push({ batch, baseOffset });
      offset = baseOffset + header.readInt32BE(batchField.lastOffsetDelta) + 1;
    }
    if (offset === before) break;
  } while (offset < end);
  return found;
}

/** Before the batches that are unsettled. */
async function guessStart(
  connections: KafkaConnections,
  { topic, id, pending }: ProducerPartition,
): Promise<number> {
  const bounds = (await readBounds(connections, topic)).find(({ partition }) => partition === id);
  const unsettled = pending.filter(({ firstSequence }) => firstSequence !== undefined);
  const records = unsettled.reduce((sum, { recordCount }) => sum + recordCount, 0);
  return Math.max(bounds?.low ?? 0, (bounds?.high ?? 0) - records - othersMargin);
}

function* headersOf(batches: Buffer): Generator<Buffer> {
  let end: number;
  for (let at = 0; at + batchField.records <= batches.length; at = end) {
    end = at + batchField.leaderEpoch + batches.readInt32BE(at + batchField.length);
    if (end > batches.length) return;
    yield batches.subarray(at, end);
  }
}
