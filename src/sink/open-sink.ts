import type { Logger } from '../ops/logger.ts';
import type { SinkOptions } from './options.ts';
import type { RowEngine } from './row-engine.ts';
import type { Sink } from './sink.ts';

export interface SinkContext {
  /** Of the warehouse. */
  readonly engine: RowEngine;
  readonly logger: Logger;
  /** Name of the project. */
  readonly project: string;
  /** Folder of what cdc remembers; a sink whose store cannot hold progress keeps it below. */
  readonly stateFolder: string;
}

/** Opens a sink; its store is contacted by the first call. Clients of stores are loaded by those who use them. */
export async function openSink(options: SinkOptions, context: SinkContext): Promise<Sink> {
  switch (options.type) {
    case 'clickhouse':
      return (await import('./clickhouse/clickhouse-sink.ts')).openClickhouseSink(options, context);
    case 'command':
      return new (await import('./command/command-sink.ts')).CommandSink(options, context);
    case 'doris':
      return new (await import('./doris/doris-sink.ts')).DorisSink(options);
    case 'files':
      return new (await import('./files/files-sink.ts')).FilesSink(options, context);
    case 'hive':
      return (await import('./hive/open-hive-sink.ts')).openHiveSink(options, context);
    case 'hologres':
      return new (await import('./hologres/hologres-sink.ts')).HologresSink(options);
    case 'kafka':
      return await (await import('./kafka/kafka-sink.ts')).openKafkaSink(options, context);
    case 'lake':
      return (await import('./lake/lake-sink.ts')).openLakeSink(options, context);
    case 'mysql':
      return new (await import('./mysql/mysql-sink.ts')).MysqlSink(options);
    case 'postgres':
      return new (await import('./postgres/postgres-sink.ts')).PostgresSink(options);
    case 'redis':
      return new (await import('./redis/redis-sink.ts')).RedisSink(options, context);
    case 'webhook':
      return new (await import('./webhook/webhook-sink.ts')).WebhookSink(options, context);
  }
}
