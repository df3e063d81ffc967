import type { TableSchema } from '../change/table-schema.ts';
import type { ProjectConfig } from '../config/project-config.ts';
import type { Problem } from '../errors.ts';
import { openKafkaCluster } from '../kafka/kafkajs-cluster.ts';
import { checkKafkaLog } from '../log/kafka/preflight.ts';
import type { Logger } from '../ops/logger.ts';
import { topicPrefix } from './open-log.ts';
import { openRouter } from './open-router.ts';
import { assertNoErrors } from './preflight.ts';

/** Everything about the change log that will not work for these tables of the source. Changes nothing. */
export async function checkLog(
  config: ProjectConfig,
  sources: readonly TableSchema[],
  logger: Logger,
): Promise<Problem[]> {
  const { log } = config;
  if (log.type === 'embedded') return [];
  const router = openRouter(config);
  const topics = new Set(sources.flatMap((source) => router.topicOf(source) ?? []));
  const prefix = topicPrefix(config);
  await using cluster = await openKafkaCluster(log, { clientId: `cdc-${prefix}`, logger });
  return await checkKafkaLog(cluster, log, prefix, [...topics]);
}

/** Throws CDC_PREFLIGHT_FAILED, or the code of the only error; warnings pass. */
export async function assertLogReady(
  config: ProjectConfig,
  sources: readonly TableSchema[],
  logger: Logger,
): Promise<void> {
  const problems = await checkLog(config, sources, logger);
  assertNoErrors('CDC_PREFLIGHT_FAILED', 'The change log is not ready', problems);
}
