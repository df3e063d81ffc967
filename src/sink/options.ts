import { z } from 'zod';
import { clickhouseSinkOptions } from './clickhouse/options.ts';
import { kafkaSinkOptions } from './kafka/options.ts';
import { memorySinkOptions } from './memory/options.ts';
import { postgresSinkOptions } from './postgres/options.ts';

/** Stores beside the warehouse, each with the options of its kind. */
export const sinkOptions = z.discriminatedUnion('type', [
  clickhouseSinkOptions,
  kafkaSinkOptions,
  memorySinkOptions,
  postgresSinkOptions,
]);

export type SinkOptions = z.output<typeof sinkOptions>;
