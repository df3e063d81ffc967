import { z } from 'zod';
import { Secret } from '../lib/secret.ts';

export const embeddedEngineOptions = z.strictObject({
  type: z
    .literal('embedded')
    .meta({ description: 'ClickHouse inside a child process (chdb), served on loopback.' }),
  port: z.int().min(0).max(65535).default(0).meta({
    description:
      'HTTP port on 127.0.0.1; 0 takes a free one. Set it to open the warehouse from other tools.',
  }),
  maxMemoryBytes: z
    .int()
    .min(256 * 1024 ** 2)
    .optional()
    .meta({ description: 'Memory limit of the engine. Default: half of the machine.' }),
});

export const clickhouseEngineOptions = z.strictObject({
  type: z
    .literal('clickhouse')
    .meta({ description: 'A ClickHouse server, version 24.8 or later.' }),
  url: z.url().meta({ description: 'HTTP address.', example: 'http://ch1.internal:8123' }),
  user: z.string().default('default').meta({ description: 'User name.' }),
  password: z
    .string()
    .default('')
    .transform((text) => new Secret(text))
    .meta({ description: 'Password; write ${NAME} to take it from the environment.' }),
});

export const engineOptions = z.discriminatedUnion('type', [
  embeddedEngineOptions,
  clickhouseEngineOptions,
]);

export type EngineOptions = z.output<typeof engineOptions>;
export type EmbeddedEngineOptions = z.output<typeof embeddedEngineOptions>;
export type ClickhouseEngineOptions = z.output<typeof clickhouseEngineOptions>;
