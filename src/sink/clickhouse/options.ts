import { z } from 'zod';
import { commonFields, overridesOf, secret, tlsOptions } from '../common-options.ts';

const cluster = z
  .strictObject({
    name: z.string().min(1).meta({
      description: 'Name of the cluster in system.clusters.',
      example: 'main',
    }),
    replicated: z.boolean().default(true).meta({
      description:
        'Tables copy themselves to the replicas of their shard (ReplicatedReplacingMergeTree); the cluster’s definition must then say internal_replication.',
    }),
    path: z.string().min(1).default('/clickhouse/tables/{shard}/{database}/{table}').meta({
      description: 'Path of a replicated table in Keeper; macros are filled in by the server.',
    }),
    replica: z.string().min(1).default('{replica}').meta({
      description: 'Name of a replica in Keeper; macros are filled in by the server.',
    }),
  })
  .optional()
  .meta({
    description:
      'Present: tables on every server of a cluster, a row on the shard that the hash of its key names.',
  });

const literal = z.union([z.string(), z.number()]);

/** What may be said of single tables, when they are created. */
export const clickhouseTableSettings = {
  partitionBy: z.string().min(1).optional().meta({
    description: 'PARTITION BY: an expression over the columns.',
    example: 'toYYYYMM(paid_at)',
  }),
  orderBy: z
    .array(z.string())
    .min(1)
    .optional()
    .meta({
      description:
        'ORDER BY: the key columns in another order. Others are not possible, because rows of one key must meet.',
      example: ['shop', 'id'],
    }),
  ttl: z.string().min(1).optional().meta({
    description: 'TTL: rows older than that leave the store, and `cdc verify` then misses them.',
    example: 'toDateTime(paid_at) + INTERVAL 2 YEAR',
  }),
  table: z
    .record(z.string().regex(/^[a-z][a-z0-9_]*$/), literal)
    .optional()
    .meta({
      description: 'Settings of the table, as ClickHouse calls them.',
      example: { storage_policy: 'tiered' },
    }),
};

/** Tables on a ClickHouse server, or on all servers of a cluster. */
export const clickhouseSinkOptions = z.strictObject({
  type: z.literal('clickhouse').meta({
    description: 'A ClickHouse server or cluster, version 24.8 or later.',
  }),
  ...commonFields,
  batchRows: commonFields.batchRows.unwrap().default(500_000).meta({
    description: 'Largest number of rows written at once.',
  }),
  url: z.url({ protocol: /^https?$/ }).meta({
    description: 'HTTP address.',
    example: 'http://ch1.internal:8123',
  }),
  user: z.string().default('default').meta({ description: 'User name.' }),
  password: secret.meta({
    description: 'Password; write ${NAME} to take it from the environment.',
  }),
  ssl: tlsOptions,
  database: z.string().min(1).default('default').meta({
    description:
      'Database of tables whose name has no dot; with `naming: "{database}.{table}"` each lies in its own.',
  }),
  storage: z.string().min(1).default('_strata').meta({
    description:
      'Database of what is behind the views: every row with its version, and the progress.',
  }),
  timeAs: z.enum(['time64', 'text']).default('time64').meta({
    description: 'Type of TIME columns. Time64 needs ClickHouse 25.6.',
  }),
  timeoutSeconds: z.number().min(1).max(86_400).default(300).meta({
    description: 'A statement that takes longer is broken off and repeated.',
  }),
  cluster,
  overrides: overridesOf(clickhouseTableSettings),
});

export type ClickhouseSinkOptions = z.output<typeof clickhouseSinkOptions>;
export type ClusterOptions = NonNullable<ClickhouseSinkOptions['cluster']>;
export type ClickhouseTableSettings = z.output<z.ZodObject<typeof clickhouseTableSettings>>;
