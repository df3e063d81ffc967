import { CdcError, type Problem } from '../../errors.ts';
import type { KafkaCluster, TopicDescription } from '../../kafka/kafka-cluster.ts';
import type { KafkaSinkOptions } from './options.ts';
import { ProgressReader } from './progress-topic.ts';
import type { SinkTopics } from './sink-topics.ts';

/** What is wrong with the cluster and with topics that are there; those that are not are made later. Never throws for a finding. */
export async function checkKafkaSink(
  cluster: KafkaCluster,
  options: KafkaSinkOptions,
  topics: SinkTopics,
): Promise<Problem[]> {
  const where = `sink ${options.name}`;
  try {
    const { brokers } = await cluster.describe();
    const records = await new ProgressReader(cluster, topics.progress).read();
    const names = [topics.progress, ...[...records.values()].map(({ topic }) => topic)];
    const found = await cluster.describeTopics([...new Set(names)]);
    return [
      ...checkReplication(options, brokers.length, where),
      ...[...found].flatMap(([topic, description]) =>
        description === undefined
          ? []
          : checkTopic(topic, description, options, topic === topics.progress),
      ),
    ];
  } catch (error) {
    if (!(error instanceof CdcError)) throw error;
    const { code, message, remedy } = error;
    return [{ code, where, message, remedy, severity: 'error' }];
  }
}

function checkReplication(
  { replication }: KafkaSinkOptions,
  brokers: number,
  where: string,
): Problem[] {
  if (replication === undefined || replication <= brokers) return [];
  return [
    {
      code: 'CDC_LOG_TOPIC_MISMATCH',
      where,
      message: `${replication} replicas are asked for, and the cluster has ${brokers}`,
      remedy: `Set replication of the sink to ${brokers} or less, or add brokers.`,
      severity: 'error',
    },
  ];
}

function checkTopic(
  topic: string,
  { partitions, settings }: TopicDescription,
  { compaction }: KafkaSinkOptions,
  isProgress: boolean,
): Problem[] {
  const problem = (message: string, remedy: string, severity: Problem['severity']): Problem => ({
    code: 'CDC_LOG_TOPIC_MISMATCH',
    where: `topic ${topic}`,
    message,
    remedy,
    severity,
  });
  const alter = (setting: string) =>
    `kafka-configs.sh --alter --entity-type topics --entity-name ${topic} --add-config ${setting}`;
  const policy = settings.get('cleanup.policy') ?? 'delete';
  const wanted = isProgress || compaction ? 'compact' : 'delete';
  const replicas = Math.min(...partitions.map((each) => each.replicas));
  const inSync = Number(settings.get('min.insync.replicas') ?? 1);
  return [
    ...(isProgress && partitions.length !== 1
      ? [
          problem(
            `has ${partitions.length} partitions instead of one`,
            'Set another prefix of the sink.',
            'error',
          ),
        ]
      : []),
    ...(policy === wanted
      ? []
      : [
          problem(
            `cleanup.policy is ${policy}, ${isProgress ? 'it must be' : 'the project file says'} ${wanted}`,
            alter(`cleanup.policy=${wanted}`),
            isProgress ? 'error' : 'warning',
          ),
        ]),
    ...(replicas < inSync
      ? [
          problem(
            `has ${replicas} replicas, but min.insync.replicas is ${inSync}: nothing can be written`,
            alter(`min.insync.replicas=${replicas}`),
            'error',
          ),
        ]
      : []),
  ];
}
