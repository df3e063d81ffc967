import { z } from 'zod';
import { clickhouseSinkOptions } from './clickhouse/options.ts';
import { commandSinkOptions } from './command/options.ts';
import { dorisSinkOptions } from './doris/options.ts';
import { filesSinkOptions } from './files/options.ts';
import { hiveSinkOptions } from './hive/options.ts';
import { hologresSinkOptions } from './hologres/options.ts';
import { kafkaSinkOptions } from './kafka/options.ts';
import { lakeSinkOptions } from './lake/options.ts';
import { mysqlSinkOptions } from './mysql/options.ts';
import { postgresSinkOptions } from './postgres/options.ts';
import { redisSinkOptions } from './redis/options.ts';
import { webhookSinkOptions } from './webhook/options.ts';

/** Stores beside the warehouse, each with the options of its kind. */
export const sinkOptions = z.discriminatedUnion('type', [
  clickhouseSinkOptions,
  commandSinkOptions,
  filesSinkOptions,
  kafkaSinkOptions,
  lakeSinkOptions,
  hologresSinkOptions,
  dorisSinkOptions,
  hiveSinkOptions,
  mysqlSinkOptions,
  postgresSinkOptions,
  redisSinkOptions,
  webhookSinkOptions,
]);

export type SinkOptions = z.output<typeof sinkOptions>;
