import { randomBytes } from 'node:crypto';
import { inject } from 'vitest';
import type { KafkaCluster } from '../../src/kafka/kafka-cluster.ts';
import { openKafkaCluster } from '../../src/kafka/kafkajs-cluster.ts';
import type { KafkaConnection } from '../../src/kafka/options.ts';
import { createSilentLogger } from '../../src/ops/logger.ts';
import { askForServer } from './server-on-demand.ts';

/**
 * The shared broker of this run, started by the first who asks; CDC_TEST_KAFKA_BROKERS (host:port, with
 * commas) replaces it. Its topics are shared too: use `randomName`. A test that kills or configures a
 * broker opens a `LocalKafka` of its own.
 */
export async function testKafka(): Promise<KafkaConnection> {
  const given = process.env['CDC_TEST_KAFKA_BROKERS'];
  if (given) return { brokers: given.split(',') };
  return { brokers: [await askForServer('Kafka broker', inject('kafkaOfferUrl'))] };
}

/** A name for a topic, a prefix, a group or a writer that nobody else uses. */
export function randomName(what = 'test'): string {
  return `${what}_${randomBytes(5).toString('hex')}`;
}

/** The client under test; it logs nothing. */
export function openTestCluster(connection: KafkaConnection): Promise<KafkaCluster> {
  return openKafkaCluster(connection, { clientId: 'strata-test', logger: createSilentLogger() });
}
