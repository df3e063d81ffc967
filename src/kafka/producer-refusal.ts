import { CdcError } from '../errors.ts';
import { isTransientFault, toCdcError } from './error-map.ts';
import type { KafkaConnections } from './kafka-connections.ts';
import { protocolError } from './kafkajs-internals.ts';
import type { ProduceResult } from './produce-request.ts';

/**
 * What an answer to a batch says: it is stored; it may be tried again; the broker misses batches before it,
 * or takes it for one that it has; our identity is stale; it will never be taken.
 */
export type Verdict = 'stored' | 'retry' | 'gap' | 'fenced' | 'refused';

/** Error codes of the protocol; those that kafkajs does not know among them. */
const verdicts: ReadonlyMap<number, Verdict> = new Map([
  [0, 'stored'],
  [3, 'retry'], // UNKNOWN_TOPIC_OR_PARTITION: whether the topic is gone, metadata tells
  [45, 'gap'], // OUT_OF_ORDER_SEQUENCE_NUMBER
  [46, 'gap'], // DUPLICATE_SEQUENCE_NUMBER; newer brokers answer 0 with the offset
  [47, 'fenced'], // INVALID_PRODUCER_EPOCH
  [59, 'gap'], // UNKNOWN_PRODUCER_ID
  [90, 'fenced'], // PRODUCER_FENCED
]);

export function verdictOf({ errorCode, baseOffset }: ProduceResult): Verdict {
  if (errorCode === 46 && baseOffset >= 0) return 'stored';
  const known = verdicts.get(errorCode);
  if (known !== undefined) return known;
  return isTransientFault(protocolError(errorCode)) ? 'retry' : 'refused';
}

export function errorOf(result: ProduceResult): Error {
  const { errorCode, topic, partition } = result;
  const doing = `Appending to partition ${partition} of topic ${topic}`;
  if (verdictOf(result) === 'fenced') return fencedError(doing);
  return toCdcError(protocolError(errorCode), doing, { topic, partition });
}

/** The answer to a producer with a stale identity. */
export function fencedError(doing: string): CdcError {
  return new CdcError('CDC_LOG_FENCED', `${doing}: a newer writer has taken over.`);
}

/** Settings that limit a batch, by the error code that says it is too large. */
const limits: ReadonlyMap<number, string> = new Map([
  [10, 'max.message.bytes'],
  [18, 'segment.bytes'],
]);

/** The error of a batch that a broker refuses for good; says what the topic takes when it is too large. */
export async function refusalOf(
  connections: KafkaConnections,
  result: ProduceResult,
  batch: { readonly bytes: Buffer; readonly recordCount: number },
): Promise<Error> {
  const setting = limits.get(result.errorCode);
  if (setting === undefined) return errorOf(result);
  const { topic, partition } = result;
  const bytes = batch.bytes.length;
  const limit = await settingOf(connections, topic, setting);
  const takes = limit === undefined ? '' : ` of ${limit}`;
  const records = batch.recordCount === 1 ? '1 record' : `${batch.recordCount} records`;
  return new CdcError(
    'CDC_LOG_MESSAGE_TOO_LARGE',
    `Appending to partition ${partition} of topic ${topic}: ${bytes} bytes (${records}, as they are sent) ` +
      `are more than its ${setting}${takes}.`,
    {
      details: { topic, partition, bytes, ...(limit !== undefined && { limit }) },
      remedy:
        `Run \`kafka-configs.sh --bootstrap-server <broker> --alter --entity-type topics --entity-name ${topic} ` +
        `--add-config ${setting}=${nextPowerOfTwo(bytes)}\`, then run cdc again; nothing is lost.`,
    },
  );
}

/** Undefined when we may not see it. */
async function settingOf(
  connections: KafkaConnections,
  topic: string,
  setting: string,
): Promise<number | undefined> {
  try {
    const { resources } = await connections.call('any', 'DescribeConfigs', {
      resources: [{ type: 2, name: topic }],
      includeSynonyms: false,
    });
    const entry = resources[0]?.configEntries.find(({ configName }) => configName === setting);
    return entry?.configValue ? Number(entry.configValue) : undefined;
  } catch {
    return undefined; // only makes the message better
  }
}

function nextPowerOfTwo(bytes: number): number {
  return 2 ** Math.ceil(Math.log2(bytes + 1));
}
