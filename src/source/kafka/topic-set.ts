import { type OffsetVector, partitionKey } from '../../change/offset-vector.ts';
import type { TopicTableOptions } from './options.ts';
import type { TopicCluster } from './topic-cluster.ts';
import { isTopicPattern, type TopicTable, topicTableOf } from './topic-table.ts';

/** The topics that there are now of those that the project file names, with their tables. */
export type FoundTopics = ReadonlyMap<string, FoundTopic>;

export interface FoundTopic {
  readonly tables: readonly TopicTable[];
  readonly partitions: readonly number[];
}

/** Asks the cluster which topics match. A topic that is named and does not exist is not among them. */
export async function findTopics(
  cluster: TopicCluster,
  entries: readonly TopicTableOptions[],
): Promise<FoundTopics> {
  const hasPatterns = entries.some(({ topic }) => isTopicPattern(topic));
  const names = hasPatterns ? await cluster.topics() : entries.map(({ topic }) => topic);
  const tables = new Map<string, TopicTable[]>();
  for (const topic of new Set(names)) {
    const found = entries.flatMap((entry) => topicTableOf(entry, topic) ?? []);
    if (found.length > 0) tables.set(topic, found);
  }
  const descriptions = await cluster.describeTopics([...tables.keys()]);
  const topics = new Map<string, FoundTopic>();
  for (const [topic, list] of [...tables].sort(([left], [right]) => (left < right ? -1 : 1))) {
    const partitions = descriptions.get(topic)?.partitions.map(({ id }) => id);
    if (partitions !== undefined) topics.set(topic, { tables: list, partitions });
  }
  return topics;
}

/** The first or the last offset of every partition. */
export async function endsOf(
  cluster: TopicCluster,
  topics: Iterable<string>,
  end: 'low' | 'high',
): Promise<OffsetVector> {
  const found = [...topics].map(async (topic) => {
    const bounds = await cluster.bounds(topic);
    return bounds.map((each) => [partitionKey(topic, each.partition), each[end]] as const);
  });
  return new Map((await Promise.all(found)).flat());
}
