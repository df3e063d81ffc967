import type { PartitionBounds } from './kafka-cluster.ts';
import type { KafkaConnections } from './kafka-connections.ts';
import { protocolError } from './kafkajs-internals.ts';

/** In place of a time. */
const earliest = '-2';
const latest = '-1';
/** The end is where the first transaction that is still open begins. */
const readCommitted = 1;
const deleteTimeoutMs = 20_000;

/** First offset and end of each partition, by partition. Errors are kafkajs's. */
export async function readBounds(
  connections: KafkaConnections,
  topic: string,
): Promise<PartitionBounds[]> {
  const partitions = await partitionsOf(connections, topic);
  const [lows, highs] = await Promise.all([
    listOffsets(connections, topic, partitions, earliest),
    listOffsets(connections, topic, partitions, latest),
  ]);
  return partitions.map((partition) => {
    const low = lows.get(partition) ?? 0;
    // The two were asked one beside the other: records may have been deleted in between.
    return { partition, low, high: Math.max(low, highs.get(partition) ?? 0) };
  });
}

/** First offset of each partition at or after the time. */
export async function readOffsetsAt(
  connections: KafkaConnections,
  topic: string,
  timeMs: number,
): Promise<Map<number, number>> {
  const partitions = await partitionsOf(connections, topic);
  // The ends first: what is appended between the two questions is not skipped then.
  const ends = await listOffsets(connections, topic, partitions, latest);
  const found = await listOffsets(connections, topic, partitions, String(timeMs));
  for (const [partition, offset] of found) if (offset >= 0) ends.set(partition, offset);
  return ends;
}

/** Removes records before `offset`. */
export async function deleteRecords(
  connections: KafkaConnections,
  topic: string,
  partition: number,
  offset: number,
): Promise<void> {
  const leader = await connections.leaderOf(topic, partition);
  const answer = await connections.call(leader, 'DeleteRecords', {
    topics: [{ topic, partitions: [{ partition, offset: String(offset) }] }],
    timeout: deleteTimeoutMs,
  });
  check(connections, answer.topics);
}

async function partitionsOf(connections: KafkaConnections, topic: string): Promise<number[]> {
  const { topicMetadata } = await connections.metadata([topic]);
  const [found] = topicMetadata;
  if (found === undefined || found.topicErrorCode !== 0) {
    throw Object.assign(protocolError(found?.topicErrorCode ?? 3), { topic });
  }
  const ids = found.partitionMetadata.map(({ partitionId }) => partitionId);
  return ids.sort((left, right) => left - right);
}

async function listOffsets(
  connections: KafkaConnections,
  topic: string,
  partitions: readonly number[],
  timestamp: string,
): Promise<Map<number, number>> {
  const leaders = await connections.leadersOf(
    partitions.map((partition) => ({ topic, partition })),
  );
  const found = new Map<number, number>();
  await Promise.all(
    [...new Set(leaders)].map(async (leader) => {
      const own = partitions.filter((_, index) => leaders[index] === leader);
      const { responses } = await connections.call(leader, 'ListOffsets', {
        isolationLevel: readCommitted,
        topics: [{ topic, partitions: own.map((partition) => ({ partition, timestamp })) }],
      });
      check(connections, responses);
      for (const { partition, offset } of responses.flatMap((answer) => answer.partitions)) {
        found.set(partition, Number(offset));
      }
    }),
  );
  return found;
}

/** Throws the first error of an answer about partitions; another try asks for the leaders anew. */
function check(
  connections: KafkaConnections,
  answers: readonly {
    readonly topic: string;
    readonly partitions: readonly { readonly partition: number; readonly errorCode: number }[];
  }[],
): void {
  for (const { topic, partitions } of answers) {
    const bad = partitions.find(({ errorCode }) => errorCode !== 0);
    if (bad === undefined) continue;
    connections.forget();
    throw Object.assign(protocolError(bad.errorCode), { topic, partition: bad.partition });
  }
}
