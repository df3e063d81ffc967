import type { Logger } from '../ops/logger.ts';
import { openClickhouseSink } from './clickhouse/clickhouse-sink.ts';
import { CommandSink } from './command/command-sink.ts';
import { DorisSink } from './doris/doris-sink.ts';
import { FilesSink } from './files/files-sink.ts';
import { openHiveSink } from './hive/open-hive-sink.ts';
import { HologresSink } from './hologres/hologres-sink.ts';
import { openKafkaSink } from './kafka/kafka-sink.ts';
import { openLakeSink } from './lake/lake-sink.ts';
import { openMemorySink } from './memory/memory-sink.ts';
import { MysqlSink } from './mysql/mysql-sink.ts';
import type { SinkOptions } from './options.ts';
import { PostgresSink } from './postgres/postgres-sink.ts';
import { RedisSink } from './redis/redis-sink.ts';
import type { RowEngine } from './row-engine.ts';
import type { Sink } from './sink.ts';
import { WebhookSink } from './webhook/webhook-sink.ts';

export interface SinkContext {
  /** Of the warehouse. */
  readonly engine: RowEngine;
  readonly logger: Logger;
  /** Name of the project. */
  readonly project: string;
  /** Folder of what cdc remembers; a sink whose store cannot hold progress keeps it below. */
  readonly stateFolder: string;
}

/** Opens a sink; its store is contacted by the first call. */
export async function openSink(options: SinkOptions, context: SinkContext): Promise<Sink> {
  switch (options.type) {
    case 'clickhouse':
      return openClickhouseSink(options, context);
    case 'kafka':
      return await openKafkaSink(options, context);
    case 'lake':
      return openLakeSink(options, context);
    case 'command':
      return new CommandSink(options, context);
    case 'files':
      return new FilesSink(options, context);
    case 'doris':
      return new DorisSink(options);
    case 'hive':
      return openHiveSink(options, context);
    case 'memory':
      return openMemorySink(options, context);
    case 'hologres':
      return new HologresSink(options);
    case 'mysql':
      return new MysqlSink(options);
    case 'postgres':
      return new PostgresSink(options);
    case 'redis':
      return new RedisSink(options, context);
    case 'webhook':
      return new WebhookSink(options, context);
  }
}
