import type { KafkaCluster } from '../../kafka/kafka-cluster.ts';

/** What a source needs of a Kafka cluster: everything that reads. */
export type TopicCluster = Pick<
  KafkaCluster,
  'describe' | 'topics' | 'describeTopics' | 'bounds' | 'fetch'
>;
