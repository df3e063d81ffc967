/**
 * Murmur2 with the seed of Java's Kafka client, as a signed integer. Hashes the bytes of `buffer` from
 * `start` up to `end`.
 */
export function murmur2(buffer: Uint8Array, start = 0, end = buffer.length): number {
  const multiplier = 0x5bd1e995;
  const length = end - start;
  let hash = 0x9747b28c ^ length;
  let at = start;
  for (const lastWord = end - (length & 3); at < lastWord; at += 4) {
    let word =
      byteAt(buffer, at) |
      (byteAt(buffer, at + 1) << 8) |
      (byteAt(buffer, at + 2) << 16) |
      (byteAt(buffer, at + 3) << 24);
    word = Math.imul(word, multiplier);
    word ^= word >>> 24;
    hash = Math.imul(hash, multiplier) ^ Math.imul(word, multiplier);
  }
  const rest = end - at;
  if (rest === 3) hash ^= byteAt(buffer, at + 2) << 16;
  if (rest >= 2) hash ^= byteAt(buffer, at + 1) << 8;
  if (rest >= 1) hash = Math.imul(hash ^ byteAt(buffer, at), multiplier);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, multiplier);
  return hash ^ (hash >>> 15);
}

/**
 * The partition in which Java's default partitioner, and others that follow it, put a record with this key,
 * which lies in `buffer` from `start` up to `end`.
 */
export function partitionOf(
  buffer: Uint8Array,
  partitions: number,
  start = 0,
  end = buffer.length,
): number {
  return (murmur2(buffer, start, end) & 0x7fffffff) % partitions;
}

function byteAt(buffer: Uint8Array, at: number): number {
  return buffer[at] as number;
}
