import { z } from 'zod';
import { memorySinkOptions } from './memory/options.ts';
import { postgresSinkOptions } from './postgres/options.ts';

/** Stores beside the warehouse, each with the options of its kind. */
export const sinkOptions = z.discriminatedUnion('type', [memorySinkOptions, postgresSinkOptions]);

export type SinkOptions = z.output<typeof sinkOptions>;
