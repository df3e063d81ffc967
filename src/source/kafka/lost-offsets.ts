import { type OffsetVector, splitPartitionKey } from '../../change/offset-vector.ts';
import { CdcError } from '../../errors.ts';

/** What a topic that is gone means for a reader that was in the middle of it. */
export function lostOffsets(error: unknown, offsets: OffsetVector): unknown {
  if (!(error instanceof CdcError) || error.code !== 'CDC_KAFKA_TOPIC_NOT_FOUND') return error;
  const topic = String(error.details['topic']);
  const isFollowed = [...offsets.keys()].some((key) => splitPartitionKey(key).topic === topic);
  return isFollowed ? topicDeleted(topic, offsets, error) : error;
}

export function topicDeleted(topic: string, offsets: OffsetVector, cause?: unknown): CdcError {
  const places = [...offsets]
    .filter(([key]) => splitPartitionKey(key).topic === topic)
    .map(([key, offset]) => `partition ${splitPartitionKey(key).partition} at ${offset}`);
  return new CdcError(
    'CDC_KAFKA_OFFSET_LOST',
    `Reading ${topic}: the topic was deleted; it had been read to ${places.join(', ')}.`,
    {
      cause,
      details: { topic },
      remedy:
        `Take the entry of ${topic} out of source.tables, or run \`cdc init --restart\` ` +
        'once it is there again.',
    },
  );
}

export function clusterReplaced(was: string, is: string): CdcError {
  return new CdcError(
    'CDC_KAFKA_OFFSET_LOST',
    `Reading topics: the brokers belong to the cluster ${is}, and the offsets stored are of ${was}.`,
    { details: { was, is } },
  );
}
