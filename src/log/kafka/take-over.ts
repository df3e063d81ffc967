import type { KafkaCluster, RecordProducer } from '../../kafka/kafka-cluster.ts';
import type { CommitState } from './commit-state.ts';
import type { LogTopics } from './log-topics.ts';
import type { PartitionBatches } from './partition-batches.ts';
import { readTails } from './tail-reader.ts';

export interface TakeOverContext {
  readonly cluster: KafkaCluster;
  readonly topics: LogTopics;
  readonly state: CommitState;
  /** Takes in commits that other writers have stored. */
  readonly catchUp: () => Promise<void>;
}

/**
 * Makes `producer` the one writer of the log: shuts out every earlier one, takes in its last commits and
 * reads the tails it has left into `batches`. Returns the topics that are not what the commits say:
 * deleted, or created anew.
 */
export async function takeOver(
  { cluster, topics, state, catchUp }: TakeOverContext,
  producer: RecordProducer,
  batches: PartitionBatches,
): Promise<Set<string>> {
  topics.forget();
  const { commits, schema } = topics.names;
  await topics.ensure(commits);
  const found = new Set(await cluster.topics());
  const isOurs = (topic: string) => topic === schema || topic.startsWith(`${schema}.`);
  const known = state.topics().filter((topic) => found.has(topic));
  const all = new Set([...found].filter(isOurs).concat(known));
  const partitions = new Map<string, number[]>();
  for (const topic of all) {
    const { partitions: count } = await topics.ensure(topic);
    partitions.set(topic, [...Array(count).keys()]);
  }
  await producer.fence(partitions);
  await catchUp();
  const lost = new Set(state.topics().filter((topic) => !found.has(topic)));
  all.delete(commits);
  for (const topic of await openTails(cluster, state, all, batches)) lost.add(topic);
  return lost;
}

/** Returns the topics that hold less than was committed. */
async function openTails(
  cluster: KafkaCluster,
  state: CommitState,
  topics: Iterable<string>,
  batches: PartitionBatches,
): Promise<string[]> {
  const bounds = await Promise.all(
    [...topics].map(async (topic) => ({ topic, partitions: await cluster.bounds(topic) })),
  );
  const lost = bounds.filter(({ topic, partitions }) =>
    partitions.some(({ partition, high }) => high < state.end(topic, partition)),
  );
  const tails = bounds.flatMap((each) => {
    const { topic, partitions } = each;
    const ends = partitions.map(({ high }) => high);
    batches.open(topic, ends);
    if (lost.includes(each)) return [];
    return partitions.map(({ partition, low, high }) => ({
      topic,
      partition,
      offset: Math.max(low, state.end(topic, partition)),
      high,
    }));
  });
  await readTails(cluster, tails, ({ topic, partition }, record) =>
    batches.of(topic)?.[partition]?.tail.add(record),
  );
  return lost.map(({ topic }) => topic);
}
