import { z } from 'zod';
import { commonFields, overridesOf, secret, tlsOptions } from '../common-options.ts';

const tableSettings = {
  buckets: z
    .union([z.int().min(1).max(65_535), z.literal('auto')])
    .optional()
    .meta({ description: 'Buckets of a new table. Default: `buckets` of the sink.' }),
  distributedBy: z.array(z.string()).min(1).optional().meta({
    description: 'Key columns a new table is distributed by. Default: all of its key.',
  }),
  replicationNum: z.int().min(1).max(32).optional().meta({
    description: 'Replicas of a new table. Default: `replicationNum` of the sink.',
  }),
  partitionBy: z.string().min(1).optional().meta({
    description:
      'Partitions of a new table, as its CREATE TABLE says them; the columns must be key columns.',
    example: "AUTO PARTITION BY RANGE (date_trunc(`day`, 'month')) ()",
  }),
  properties: z
    .record(z.string(), z.string())
    .optional()
    .meta({
      description: 'Further properties of a new table; they win over those cdc sets.',
      example: { compression: 'zstd', store_row_column: 'true' },
    }),
  partialColumns: z.boolean().default(false).meta({
    description:
      'Write only the columns of this sink into a table that others fill, too; columns of others stay. Such a table has no sequence column: rows replace one another in the order they arrive.',
  }),
};

/** Doris, SelectDB or StarRocks: rows through Stream Load, statements through the MySQL protocol. */
export const dorisSinkOptions = z
  .strictObject({
    type: z.literal('doris').meta({
      description: 'Apache Doris 2.1 or later, SelectDB, or StarRocks 3.1 or later.',
    }),
    ...commonFields,
    flavour: z.enum(['doris', 'starrocks']).default('doris').meta({
      description: 'doris (also SelectDB): UNIQUE KEY tables; starrocks: PRIMARY KEY tables.',
    }),
    frontends: z
      .array(z.url({ protocol: /^https?$/ }))
      .min(1)
      .meta({
        description: 'HTTP addresses of the frontends; the first that answers is used.',
        example: ['http://fe1.internal:8030'],
      }),
    queryPort: z.int().min(1).max(65_535).default(9030).meta({
      description: 'Port of the MySQL protocol on the same hosts.',
    }),
    backends: z
      .array(z.string().regex(/^[^/:\s]+:\d{1,5}$/, { message: 'is not host:port' }))
      .min(1)
      .optional()
      .meta({
        description:
          'Addresses of the backends as seen from here, used instead of those the frontends redirect to.',
        example: ['be1.example.com:8040'],
      }),
    database: z
      .string()
      .regex(/^[a-zA-Z][a-zA-Z0-9_-]{0,63}$/, { message: 'is not a database name' })
      .meta({ description: 'Database; it is created when missing.', example: 'serving' }),
    user: z.string().default('root').meta({ description: 'User name.' }),
    password: secret.meta({
      description: 'Password; write ${NAME} to take it from the environment.',
    }),
    ssl: tlsOptions,
    connections: z.int().min(1).max(64).default(4).meta({
      description: 'Largest number of connections for statements.',
    }),
    loadSeconds: z.int().min(1).max(259_200).default(600).meta({
      description: 'Longest time of one load.',
    }),
    schemaChangeSeconds: z.int().min(1).max(86_400).default(600).meta({
      description: 'Longest wait for a change of a column’s type.',
    }),
    twoPhaseCommit: z.boolean().default(false).meta({
      description:
        'Commit a load in a second step, after a look whether the store is still where this process left it.',
    }),
    buckets: z
      .union([z.int().min(1).max(65_535), z.literal('auto')])
      .default('auto')
      .meta({ description: 'Buckets of new tables.' }),
    replicationNum: z.int().min(1).max(32).optional().meta({
      description: 'Replicas of new tables. Default: that of the cluster, which is 3.',
    }),
    json: z.enum(['string', 'json']).default('string').meta({
      description:
        'string keeps documents byte by byte; json is the store’s own type, which loses blanks and the spelling of numbers, and `cdc verify` does not compare it.',
    }),
    binary: z
      .enum(['hex', 'base64'])
      .default('hex')
      .meta({ description: 'Text form of binary values.' }),
    maxStringBytes: z.int().min(1).max(2_147_483_643).default(1_048_576).meta({
      description:
        'Longest text the backends take (their string_type_length_soft_limit_bytes); rows with longer ones become dead letters.',
    }),
    overrides: overridesOf(tableSettings),
  })
  .refine(({ flavour, twoPhaseCommit }) => flavour === 'doris' || !twoPhaseCommit, {
    path: ['twoPhaseCommit'],
    message: 'is not possible with flavour: starrocks',
  });

export type DorisSinkOptions = z.output<typeof dorisSinkOptions>;

export type DorisTableSettings = z.output<z.ZodObject<typeof tableSettings>>;

/** `SinkTable.settings` is what this sink’s overrides have declared, or nothing for tables without any. */
export function settingsOf({ settings }: { readonly settings: object }): DorisTableSettings {
  return { partialColumns: false, ...settings };
}
