import { CdcError } from '../errors.ts';
import { decodeBatches } from './batch-decoder.ts';
import { decodeFetch, encodeFetch, type PartitionAnswer } from './fetch-protocol.ts';
import type { FetchedRecords, FetchOptions, FetchPlace } from './kafka-cluster.ts';
import type { KafkaConnections } from './kafka-connections.ts';
import { protocolError } from './kafkajs-internals.ts';
import { readBounds } from './partition-offsets.ts';

/** Error codes of the protocol. */
const offsetOutOfRange = 1;
const unknownTopicOrPartition = 3;
const notLeader = 6;
const offsetNotAvailable = 78;

/** A partition may give this much at a time, or its share of the whole if that is more. */
const minPartitionBytes = 1024 ** 2;
/** An answer that nobody came back for. */
const keptMs = 10_000;
/** Less than this is not worth another question. */
const shortestWaitMs = 5;

/** One question to one broker. */
interface Poll {
  readonly key: string;
  readonly answer: Promise<FetchedRecords[]>;
  /** Resolves with the answer, or when it failed. */
  readonly settled: Promise<void>;
  /** Undefined until then. */
  settledAtMs: number | undefined;
}

/**
 * Fetches from all leaders at once and returns what the first of them has. The questions to the others stay
 * open: the next fetch from the same places finds them, so a busy broker neither waits for an idle one nor
 * asks it again and again.
 */
export class FetchPolls {
  readonly #connections: KafkaConnections;
  readonly #polls = new Map<string, Poll>();

  constructor(connections: KafkaConnections) {
    this.#connections = connections;
  }

  /** As `KafkaCluster.fetch`, but with kafkajs's errors, except for CDC_KAFKA_OFFSET_LOST. */
  async fetch(places: readonly FetchPlace[], options: FetchOptions): Promise<FetchedRecords[]> {
    const { maxBytes, maxWaitMs, signal } = options;
    if (places.length === 0) return [];
    this.#forgetAbandoned();
    const groups = await this.#byLeader(places);
    const deadline = performance.now() + maxWaitMs;
    const bytes = Math.max(1, Math.floor(maxBytes / groups.size));
    let remainingMs = maxWaitMs;
    do {
      const polls = [...groups].map(([leader, own]) =>
        this.#poll(leader, own, { maxBytes: bytes, maxWaitMs: Math.ceil(remainingMs) }),
      );
      await unlessAborted(Promise.race(polls.map(({ settled }) => settled)), signal);
      const answered = polls.filter(({ settledAtMs }) => settledAtMs !== undefined);
      for (const poll of answered) {
        if (this.#polls.get(poll.key) === poll) this.#polls.delete(poll.key);
      }
      const found = (await Promise.all(answered.map(({ answer }) => answer))).flat();
      if (found.length > 0) return found;
      remainingMs = deadline - performance.now();
    } while (remainingMs > shortestWaitMs);
    return [];
  }

  async #byLeader(places: readonly FetchPlace[]): Promise<Map<number, FetchPlace[]>> {
    const leaders = await this.#connections.leadersOf(places);
    const groups = new Map<number, FetchPlace[]>();
    for (const [index, place] of places.entries()) {
      const leader = leaders[index] as number;
      const group = groups.get(leader);
      if (group === undefined) groups.set(leader, [place]);
      else group.push(place);
    }
    return groups;
  }

  #poll(
    leader: number,
    places: readonly FetchPlace[],
    limits: { readonly maxBytes: number; readonly maxWaitMs: number },
  ): Poll {
    const names = places.map(({ topic, partition, offset }) => `${topic}/${partition}@${offset}`);
    const key = `${leader} ${limits.maxBytes} ${names.join(' ')}`;
    const open = this.#polls.get(key);
    if (open !== undefined) return open;
    const answer = this.#ask(leader, places, limits);
    const settle = () => {
      poll.settledAtMs = performance.now();
    };
    const poll: Poll = {
      ...{ key, answer, settledAtMs: undefined },
      settled: answer.then(settle, settle),
    };
    this.#polls.set(key, poll);
    return poll;
  }

  async #ask(
    leader: number,
    places: readonly FetchPlace[],
    limits: { readonly maxBytes: number; readonly maxWaitMs: number },
  ): Promise<FetchedRecords[]> {
    const maxPartitionBytes = Math.max(
      Math.min(minPartitionBytes, limits.maxBytes),
      Math.ceil(limits.maxBytes / places.length),
    );
    const request = encodeFetch(rotated(places), { ...limits, maxPartitionBytes });
    const { errorCode, partitions } = decodeFetch(
      await this.#connections.sendWaiting(leader, request, limits.maxWaitMs),
    );
    if (errorCode !== 0) throw protocolError(errorCode);
    const found: FetchedRecords[] = [];
    for (const answer of partitions) {
      const place = places.find(
        ({ topic, partition }) => topic === answer.topic && partition === answer.partition,
      );
      if (place === undefined) continue;
      if (answer.errorCode !== 0) throw await this.#errorOf(answer, place);
      const { topic, partition, batches, aborted, lastStableOffset: high } = answer;
      const { records, nextOffset } = await decodeBatches(batches, place.offset, aborted);
      if (nextOffset > place.offset) found.push({ topic, partition, records, nextOffset, high });
    }
    return found;
  }

  async #errorOf({ errorCode }: PartitionAnswer, place: FetchPlace): Promise<Error> {
    const { topic, partition, offset } = place;
    this.#connections.forget();
    if (errorCode === offsetOutOfRange) {
      const bounds = await readBounds(this.#connections, topic);
      const { low = 0, high = 0 } = bounds.find((entry) => entry.partition === partition) ?? {};
      if (offset >= low && offset <= high) return protocolError(offsetNotAvailable);
      const what = `Reading partition ${partition} of topic ${topic} from offset ${offset}`;
      return new CdcError('CDC_KAFKA_OFFSET_LOST', `${what}: it holds ${low} to ${high}.`, {
        details: { topic, partition, offset, firstOffset: low, endOffset: high },
      });
    }
    // This broker does not have it; whether it exists at all is for the metadata to say.
    const code = errorCode === unknownTopicOrPartition ? notLeader : errorCode;
    return Object.assign(protocolError(code), { topic, partition });
  }

  #forgetAbandoned(): void {
    const before = performance.now() - keptMs;
    for (const { key, settledAtMs } of this.#polls.values()) {
      if (settledAtMs !== undefined && settledAtMs < before) this.#polls.delete(key);
    }
  }
}

/** A broker fills its answer from the first partition on: each time another one is the first. */
function rotated<T>(items: readonly T[]): T[] {
  const start = Math.floor(Math.random() * items.length);
  return [...items.slice(start), ...items.slice(0, start)];
}

async function unlessAborted(settled: Promise<void>, signal: AbortSignal | undefined) {
  if (signal === undefined) return await settled;
  let onAbort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort);
  });
  try {
    await Promise.race([settled, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
