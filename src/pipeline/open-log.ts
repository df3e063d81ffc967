import { createRequire } from 'node:module';
import type { LmdbCatalog } from '../catalog/lmdb-catalog.ts';
import type { ProjectConfig } from '../config/project-config.ts';
import { createFormat } from '../format/create-format.ts';
import { openKafkaCluster } from '../kafka/kafkajs-cluster.ts';
import type { ChangeLog } from '../log/change-log.ts';
import { EmbeddedLog } from '../log/embedded/embedded-log.ts';
import { KafkaLog } from '../log/kafka/kafka-log.ts';
import type { Logger } from '../ops/logger.ts';

/** The project's change log. The catalog stays the caller's: close it after the log. */
export async function openLog(
  config: ProjectConfig,
  catalog: LmdbCatalog,
  logger: Logger,
): Promise<ChangeLog> {
  const { log: options } = config;
  if (options.type === 'embedded') return new EmbeddedLog(catalog, options);
  const prefix = topicPrefix(config);
  const cluster = await openKafkaCluster(options, { clientId: `cdc-${prefix}`, logger });
  const format = createFormat(options.format, {
    name: prefix,
    connector: 'mysql',
    toolVersion: version,
  });
  return await KafkaLog.open({ cluster, options, prefix, format, offsets: catalog, logger });
}

/** What the names of the project's topics begin with. */
export function topicPrefix(config: ProjectConfig): string {
  return (config.log.type === 'kafka' ? config.log.prefix : undefined) ?? config.name;
}

const { version } = createRequire(import.meta.url)('../../package.json') as { version: string };
