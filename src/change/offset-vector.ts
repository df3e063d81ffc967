/**
 * How far a reader of a queue is, partition by partition: the offset to go on from, by `topic:partition`.
 * As text `orders:0=42,orders:1=17`, sorted; a position of a queue source carries it as its `gtid`.
 */
export type OffsetVector = ReadonlyMap<string, number>;

export function partitionKey(topic: string, partition: number): string {
  return `${topic}:${partition}`;
}

export function splitPartitionKey(key: string): { topic: string; partition: number } {
  const colon = key.lastIndexOf(':');
  return { topic: key.slice(0, colon), partition: Number(key.slice(colon + 1)) };
}

export function renderOffsets(offsets: OffsetVector): string {
  return [...offsets]
    .map(([key, offset]) => `${key}=${offset}`)
    .sort()
    .join(',');
}

/** Undefined for a text that is none, such as a GTID set. */
export function parseOffsets(text: string): OffsetVector | undefined {
  const offsets = new Map<string, number>();
  if (text === '') return offsets;
  for (const part of text.split(',')) {
    const [, key, offset] = /^([^=]+:\d+)=(\d+)$/.exec(part) ?? [];
    if (key === undefined) return undefined;
    offsets.set(key, Number(offset));
  }
  return offsets;
}

/** Messages before this place, over all partitions. */
export function sumOffsets(offsets: OffsetVector): number {
  let sum = 0;
  for (const offset of offsets.values()) sum += offset;
  return sum;
}

/** Whether every partition of `end` has been read up to there. */
export function reachesOffsets(offsets: OffsetVector, end: OffsetVector): boolean {
  return [...end].every(([key, offset]) => (offsets.get(key) ?? 0) >= offset);
}
