import { createRequire } from 'node:module';
import type { LmdbCatalog } from '../catalog/lmdb-catalog.ts';
import type { ProjectConfig } from '../config/project-config.ts';
import type { SourceDescription } from '../format/change-format.ts';
import { createFormat } from '../format/create-format.ts';
import { openKafkaCluster } from '../kafka/kafkajs-cluster.ts';
import type { ChangeLog } from '../log/change-log.ts';
import { EmbeddedLog } from '../log/embedded/embedded-log.ts';
import { KafkaLog } from '../log/kafka/kafka-log.ts';
import type { Logger } from '../ops/logger.ts';
import { MysqlSource } from '../source/mysql/mysql-source.ts';

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
  const formatOf = (server: Pick<SourceDescription, 'connector' | 'serverId'>) =>
    createFormat(options.format, { name: prefix, toolVersion: version, ...server });
  const plain = formatOf({ connector: 'mysql' });
  return await KafkaLog.open({
    cluster,
    options,
    prefix,
    layout: (schema) => plain.layout(schema),
    openFormat: async () => formatOf(await describeServer(config, logger)),
    offsets: catalog,
    logger,
  });
}

/** Messages name the server that their changes come from. */
async function describeServer(config: ProjectConfig, logger: Logger) {
  const { source: options } = config;
  // Topics of others are never written into topics again; `cdc check` refuses it.
  if (options.type !== 'mysql') return { connector: 'mysql' } as const;
  await using source = new MysqlSource(options, { project: config.folder, logger });
  const { server, serverId } = await source.describe();
  return { connector: server === 'mariadb' ? 'mariadb' : 'mysql', serverId } as const;
}

/** What the names of the project's topics begin with. */
export function topicPrefix(config: ProjectConfig): string {
  return (config.log.type === 'kafka' ? config.log.prefix : undefined) ?? config.name;
}

const { version } = createRequire(import.meta.url)('../../package.json') as { version: string };
