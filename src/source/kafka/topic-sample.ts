import { partitionKey } from '../../change/offset-vector.ts';
import type { FetchPlace, KafkaRecord } from '../../kafka/kafka-cluster.ts';
import type { TopicCluster } from './topic-cluster.ts';

const fetchBytes = 4 * 1024 ** 2;
const waitMs = 1_000;

/** Up to `count` of the newest messages of a topic with a value, the newest first. */
export async function sampleTopic(
  cluster: TopicCluster,
  topic: string,
  count: number,
): Promise<KafkaRecord[]> {
  const bounds = await cluster.bounds(topic);
  const ends = new Map(bounds.map(({ partition, high }) => [partitionKey(topic, partition), high]));
  let places: FetchPlace[] = bounds
    .map(({ partition, low, high }) => ({ topic, partition, offset: Math.max(low, high - count) }))
    .filter(({ partition, offset }) => offset < (ends.get(partitionKey(topic, partition)) ?? 0));
  const records: KafkaRecord[] = [];
  while (places.length > 0) {
    const answers = await cluster.fetch(places, { maxBytes: fetchBytes, maxWaitMs: waitMs });
    // Nothing at all: what was there a moment ago has been removed.
    if (answers.length === 0) break;
    for (const answer of answers) records.push(...answer.records.filter(hasValue));
    places = places.flatMap((place) => {
      const next = answers.find(({ partition }) => partition === place.partition)?.nextOffset;
      const offset = next ?? place.offset;
      return offset < (ends.get(partitionKey(topic, place.partition)) ?? 0)
        ? [{ ...place, offset }]
        : [];
    });
  }
  records.sort((left, right) => right.timestampMs - left.timestampMs);
  return records.slice(0, count);
}

function hasValue({ value }: KafkaRecord): boolean {
  return value !== null;
}
