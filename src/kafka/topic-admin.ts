import { setTimeout as delay } from 'node:timers/promises';
import { CdcError } from '../errors.ts';
import { toCdcError } from './error-map.ts';
import type { NewTopic, TopicDescription } from './kafka-cluster.ts';
import type { ClusterMetadata, KafkaConnections } from './kafka-connections.ts';
import { protocolError } from './kafkajs-internals.ts';

/** Error codes of the protocol. */
const wellDone = 0;
const unknownTopic = 3;
const invalidTopicName = 17;
const topicExists = 36;

const topicResource = 2;
const createTimeoutMs = 20_000;
const leaderTimeoutMs = 30_000;
const leaderPollMs = 20;

/** Partitions and settings of topics; undefined for one that does not exist. Errors are kafkajs's. */
export async function describeTopics(
  connections: KafkaConnections,
  names: readonly string[],
): Promise<Map<string, TopicDescription | undefined>> {
  const found = new Map<string, TopicDescription | undefined>();
  if (names.length === 0) return found;
  const { topicMetadata } = await connections.metadata(names);
  const existing = topicMetadata.filter(exists);
  const settings = await readSettings(connections, existing);
  for (const { topic } of topicMetadata) found.set(topic, undefined);
  for (const { topic, partitionMetadata } of existing) {
    const ofTopic = settings.get(topic);
    if (ofTopic === undefined) continue;
    const partitions = partitionMetadata
      .map(({ partitionId, replicas }) => ({ id: partitionId, replicas: replicas.length }))
      .sort((left, right) => left.id - right.id);
    found.set(topic, { partitions, settings: ofTopic });
  }
  return found;
}

/** Creates topics that do not exist and waits until each partition has a leader. */
export async function createTopics(
  connections: KafkaConnections,
  topics: readonly NewTopic[],
): Promise<void> {
  if (topics.length === 0) return;
  const names = topics.map(({ topic }) => topic);
  const { controllerId } = await connections.metadata(names);
  const { topicErrors } = await connections.call(controllerId, 'CreateTopics', {
    topics: topics.map(({ topic, partitions, replication, settings }) => ({
      topic,
      numPartitions: partitions,
      replicationFactor: replication ?? -1,
      configEntries: Object.entries(settings).map(([name, value]) => ({ name, value })),
    })),
    validateOnly: false,
    timeout: createTimeoutMs,
  });
  for (const { topic, errorCode, errorMessage } of topicErrors) {
    if (errorCode === wellDone || errorCode === topicExists) continue;
    const error = Object.assign(protocolError(errorCode), { topic });
    if (errorMessage !== null) error.message = errorMessage;
    throw toCdcError(error, `Creating topic ${topic}`);
  }
  await waitForLeaders(connections, names);
}

async function waitForLeaders(
  connections: KafkaConnections,
  names: readonly string[],
): Promise<void> {
  const deadline = Date.now() + leaderTimeoutMs;
  for (;;) {
    const { topicMetadata } = await connections.metadata(names);
    const waiting = topicMetadata.find(
      ({ topicErrorCode, partitionMetadata }) =>
        topicErrorCode !== wellDone || partitionMetadata.some(({ leader }) => leader < 0),
    );
    if (waiting === undefined) return;
    if (Date.now() > deadline) {
      const what = `A partition of topic ${waiting.topic} has had no leader for`;
      throw new CdcError('CDC_KAFKA_UNREACHABLE', `${what} ${leaderTimeoutMs / 1000} s.`);
    }
    await delay(leaderPollMs);
  }
}

function exists({
  topic,
  topicErrorCode,
  partitionMetadata,
}: ClusterMetadata['topicMetadata'][number]): boolean {
  if (topicErrorCode === unknownTopic || topicErrorCode === invalidTopicName) return false;
  // A topic whose leaders are away has an error code, too, but is described.
  if (topicErrorCode === wellDone || partitionMetadata.length > 0) return true;
  throw Object.assign(protocolError(topicErrorCode), { topic });
}

async function readSettings(
  connections: KafkaConnections,
  topics: readonly { readonly topic: string }[],
): Promise<Map<string, ReadonlyMap<string, string>>> {
  const found = new Map<string, ReadonlyMap<string, string>>();
  if (topics.length === 0) return found;
  const { resources } = await connections.call('any', 'DescribeConfigs', {
    resources: topics.map(({ topic }) => ({ type: topicResource, name: topic })),
    includeSynonyms: false,
  });
  for (const { errorCode, resourceName, configEntries } of resources) {
    // It may have been deleted since the broker named it.
    if (errorCode === unknownTopic) continue;
    if (errorCode !== wellDone) {
      throw Object.assign(protocolError(errorCode), { topic: resourceName });
    }
    const settings = configEntries.map((entry) => [entry.configName, entry.configValue] as const);
    const known = settings.filter((entry): entry is [string, string] => entry[1] !== null);
    found.set(resourceName, new Map(known));
  }
  return found;
}
