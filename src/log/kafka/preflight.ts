import { CdcError, type Problem } from '../../errors.ts';
import type { KafkaCluster, NewTopic, TopicDescription } from '../../kafka/kafka-cluster.ts';
import { LogTopics } from './log-topics.ts';
import type { KafkaLogOptions } from './options.ts';

/**
 * Everything about the cluster and its topics that will not work, or is not what the project file says.
 * Topics that do not exist are made later and are no problem. Never throws for a finding.
 */
export async function checkKafkaLog(
  cluster: KafkaCluster,
  options: KafkaLogOptions,
  prefix: string,
  tableTopics: readonly string[],
): Promise<Problem[]> {
  try {
    const { brokers } = await cluster.describe();
    const topics = new LogTopics(cluster, options, prefix);
    const names = [...Object.values(topics.names), ...tableTopics];
    const found = await cluster.describeTopics(names);
    const problems = names.flatMap((topic) => {
      const description = found.get(topic);
      if (description === undefined) return [];
      return compare(topics.newTopic(topic), description, topic === topics.names.commits);
    });
    return [...checkReplication(options, brokers.length), ...problems];
  } catch (error) {
    if (!(error instanceof CdcError)) throw error;
    return [
      {
        code: error.code,
        where: `log.brokers ${options.brokers.join(', ')}`,
        message: error.message,
        remedy: error.remedy,
        severity: 'error',
      },
    ];
  }
}

function checkReplication({ replication }: KafkaLogOptions, brokers: number): Problem[] {
  if (replication === undefined || replication <= brokers) return [];
  return [
    {
      code: 'CDC_LOG_TOPIC_MISMATCH',
      where: 'log.replication',
      message: `${replication} replicas are asked for, and the cluster has ${brokers} broker${brokers === 1 ? '' : 's'}`,
      remedy: `Set log.replication to ${brokers} or less, or add brokers.`,
      severity: 'error',
    },
  ];
}

function compare(wanted: NewTopic, found: TopicDescription, isCommits: boolean): Problem[] {
  const { topic } = wanted;
  const problem = (message: string, remedy: string, severity: Problem['severity']): Problem => ({
    code: 'CDC_LOG_TOPIC_MISMATCH',
    where: `topic ${topic}`,
    message,
    remedy,
    severity,
  });
  const problems: Problem[] = [];
  const count = found.partitions.length;
  if (count !== wanted.partitions) {
    problems.push(
      isCommits
        ? problem(`has ${count} partitions instead of one`, `Set another log.prefix.`, 'error')
        : problem(
            `has ${count} partitions, the project file says ${wanted.partitions}`,
            `Set log.partitions: ${count}, or add partitions: kafka-topics.sh --alter --topic ${topic} --partitions ${wanted.partitions}`,
            'warning',
          ),
    );
  }
  const replicas = Math.min(...found.partitions.map((partition) => partition.replicas));
  const inSync = Number(found.settings.get('min.insync.replicas') ?? 1);
  if (replicas < inSync) {
    problems.push(
      problem(
        `has ${replicas} replicas, but min.insync.replicas is ${inSync}: nothing can be written`,
        alter(topic, `min.insync.replicas=${replicas}`),
        'error',
      ),
    );
  }
  for (const [name, value] of Object.entries(wanted.settings)) {
    const actual = found.settings.get(name);
    if (actual === undefined || actual === value) continue;
    const breaks = isCommits && (name === 'cleanup.policy' || actual !== '-1');
    problems.push(
      problem(
        `${name} is ${actual}, ${isCommits ? 'it must be' : 'the project file says'} ${value}`,
        alter(topic, `${name}=${value}`),
        breaks ? 'error' : 'warning',
      ),
    );
  }
  return problems;
}

function alter(topic: string, setting: string): string {
  return `kafka-configs.sh --alter --entity-type topics --entity-name ${topic} --add-config ${setting}`;
}
