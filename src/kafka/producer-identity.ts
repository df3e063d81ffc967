import { retry } from '../lib/retry.ts';
import { isTransientFault, kafkaCodeOf, toCdcError } from './error-map.ts';
import type { KafkaCalls } from './kafka-calls.ts';
import type { KafkaConnections } from './kafka-connections.ts';
import { protocolError } from './kafkajs-internals.ts';
import type { ProducerIdentity } from './producer-partition.ts';
import { fencedError } from './producer-refusal.ts';

/** Longest time a fence may stay half done before the coordinator itself undoes it. */
const transactionTimeoutMs = 60_000;
/** A topic made a moment ago is not known everywhere yet. */
const unknownTopicPatienceMs = 5_000;
const pauses = { attempts: Number.POSITIVE_INFINITY, firstDelayMs: 5, maxDelayMs: 500 };

/** INVALID_PRODUCER_ID_MAPPING: the coordinator does not know the transactional id any more. */
const unknownWriter = 49;
/** OPERATION_NOT_ATTEMPTED, because of the error of another partition. */
const notAttempted = 55;

/** The partitions of one fence, by topic. */
export type FencedPartitions = ReadonlyMap<string, readonly number[]>;

export interface IdentityOptions {
  /** The transactional id; undefined: an identity nobody else can ask for. */
  readonly writerId: string | undefined;
  /** How long coordinators may be away. */
  readonly patienceMs: number;
}

/**
 * A new identity. Identities of the same writer id before it are stale from now on, but a partition learns
 * that only from `fencePartitions`, or from a batch of the new one.
 */
export async function obtainIdentity(
  connections: KafkaConnections,
  { writerId, patienceMs }: IdentityOptions,
): Promise<ProducerIdentity> {
  const doing = writerId === undefined ? 'Obtaining a producer id' : `Opening writer ${writerId}`;
  return await patiently(doing, connections, patienceMs, async () => {
    const nodeId =
      writerId === undefined ? 'any' : await connections.coordinatorOf('transaction', writerId);
    const answer = await connections.call(nodeId, 'InitProducerId', {
      transactionalId: writerId ?? null,
      transactionTimeout: transactionTimeoutMs,
    });
    return { producerId: BigInt(answer.producerId), producerEpoch: answer.producerEpoch };
  });
}

/**
 * Makes partitions refuse every identity of the writer before `identity`, and gives the next one.
 *
 *   add the partitions to a transaction ─> abort it ─> the coordinator writes a marker with our epoch into each
 *   ask for the next identity ─> answered CONCURRENT_TRANSACTIONS until all markers are written
 *
 * Throws CDC_LOG_FENCED when `identity` is itself stale; the newer writer is left alone then.
 */
export async function fencePartitions(
  connections: KafkaConnections,
  identity: ProducerIdentity,
  partitions: FencedPartitions,
  options: IdentityOptions & { readonly writerId: string },
): Promise<ProducerIdentity> {
  const { writerId, patienceMs } = options;
  const doing = `Shutting out other writers named ${writerId}`;
  const topics = [...partitions].map(([topic, ids]) => ({ topic, partitions: ids }));
  if (topics.length === 0) return identity;
  let current = identity;
  const fields = () => ({
    transactionalId: writerId,
    producerId: String(current.producerId),
    producerEpoch: current.producerEpoch,
  });
  await patiently(doing, connections, patienceMs, async () => {
    const nodeId = await connections.coordinatorOf('transaction', writerId);
    const { errors } = await connections.call(nodeId, 'AddPartitionsToTxn', {
      ...fields(),
      topics,
    });
    const first = firstError(errors);
    if (first === undefined) return;
    // A coordinator forgets an id that was not used for a week.
    if (first.code === unknownWriter) current = await obtainIdentity(connections, options);
    throw first.error;
  });
  await patiently(doing, connections, patienceMs, async () => {
    const nodeId = await connections.coordinatorOf('transaction', writerId);
    await connections.call(nodeId, 'EndTxn', { ...fields(), transactionResult: false });
  });
  return await obtainIdentity(connections, options);
}

type PartitionErrors = KafkaCalls['AddPartitionsToTxn']['answer']['errors'];

function firstError(errors: PartitionErrors): { code: number; error: Error } | undefined {
  for (const { topic, partitionErrors } of errors) {
    const bad = partitionErrors.find(({ errorCode: code }) => code !== 0 && code !== notAttempted);
    if (bad !== undefined) {
      const error = Object.assign(protocolError(bad.errorCode), { topic });
      return { code: bad.errorCode, error };
    }
  }
  return undefined;
}

/** Calls until it succeeds or `patienceMs` are over; errors are ours. */
async function patiently<T>(
  doing: string,
  connections: KafkaConnections,
  patienceMs: number,
  action: () => Promise<T>,
): Promise<T> {
  const start = performance.now();
  const isTransient = (error: unknown): boolean => {
    const elapsedMs = performance.now() - start;
    const name = kafkaCodeOf(error);
    if (name === 'UNKNOWN_TOPIC_OR_PARTITION') return elapsedMs < unknownTopicPatienceMs;
    const isPassing = isTransientFault(error) || name === 'INVALID_PRODUCER_ID_MAPPING';
    return isPassing && elapsedMs < patienceMs;
  };
  try {
    return await retry(action, { ...pauses, isTransient, onRetry: () => connections.forget() });
  } catch (error) {
    if (kafkaCodeOf(error) === 'INVALID_PRODUCER_EPOCH') throw fencedError(doing);
    throw toCdcError(error, doing);
  }
}
