import { z } from 'zod';
import { clickhouseSinkOptions } from './clickhouse/options.ts';
import { memorySinkOptions } from './memory/options.ts';
import { postgresSinkOptions } from './postgres/options.ts';

/** Stores beside the warehouse, each with the options of its kind. */
export const sinkOptions = z.discriminatedUnion('type', [
  clickhouseSinkOptions,
  memorySinkOptions,
  postgresSinkOptions,
]);

export type SinkOptions = z.output<typeof sinkOptions>;
