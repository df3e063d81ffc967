import type { KafkaCluster, KafkaRecord } from '../../src/kafka/kafka-cluster.ts';

/** All records of a partition from `offset` on, as they are now, and where the next one would come. */
export async function readToEnd(
  cluster: KafkaCluster,
  topic: string,
  place: { readonly partition?: number; readonly offset?: number } = {},
): Promise<{ records: KafkaRecord[]; nextOffset: number }> {
  const { partition = 0, offset = 0 } = place;
  const bounds = (await cluster.bounds(topic)).find((entry) => entry.partition === partition);
  const records: KafkaRecord[] = [];
  let nextOffset = offset;
  while (nextOffset < (bounds?.high ?? 0)) {
    const places = [{ topic, partition, offset: nextOffset }];
    const [found] = await cluster.fetch(places, { maxBytes: 1024 ** 2, maxWaitMs: 1_000 });
    records.push(...(found?.records ?? []));
    nextOffset = found?.nextOffset ?? nextOffset;
  }
  return { records, nextOffset };
}

export function textsOf(records: readonly KafkaRecord[]): string[] {
  return records.map(({ value }) => value?.toString() ?? '(null)');
}
