import { z } from 'zod';
import { commonFields, overridesOf, secret, tlsOptions } from '../common-options.ts';

const location = z.string().min(1).optional().meta({
  description: 'The same place as Hive names it; default: the path itself.',
  example: 'hdfs://warehouse/ods',
});

const localFiles = z.strictObject({
  type: z.literal('local').meta({ description: 'A folder here that Hive sees too, such as NFS.' }),
  path: z.string().min(1).meta({ description: 'Folder for the files.', example: '/mnt/hive/ods' }),
  location,
});

const webhdfsFiles = z.strictObject({
  type: z.literal('webhdfs').meta({ description: 'HDFS over HTTP (WebHDFS or HttpFS).' }),
  urls: z
    .array(z.url())
    .min(1)
    .meta({
      description:
        'Addresses of the name nodes, or of HttpFS; of several, the active one is found.',
      example: ['http://namenode1:9870', 'http://namenode2:9870'],
    }),
  path: z.string().startsWith('/').meta({
    description: 'Folder for the files.',
    example: '/warehouse/ods',
  }),
  user: z.string().min(1).default('hive').meta({
    description: 'User the files are written as (simple authentication).',
  }),
  location,
});

const s3Files = z.strictObject({
  type: z.literal('s3').meta({ description: 'S3 or a store that speaks its protocol.' }),
  endpoint: z
    .url()
    .meta({ description: 'Address.', example: 'https://s3.eu-west-1.amazonaws.com' }),
  bucket: z.string().min(1).meta({ description: 'Bucket for the files.', example: 'warehouse' }),
  prefix: z.string().default('').meta({ description: 'What their names begin with.' }),
  region: z.string().default('us-east-1').meta({ description: 'Region of the bucket.' }),
  pathStyle: z.boolean().default(false).meta({
    description: 'The bucket stands in the path, as with MinIO, not in the host name.',
  }),
  accessKeyId: z.string().min(1).meta({ description: 'Access key.' }),
  secretAccessKey: secret.meta({ description: 'Its secret.' }),
  location,
});

/** A table in Hive over files that cdc writes. */
export const hiveSinkOptions = z.strictObject({
  type: z.literal('hive').meta({ description: 'Apache Hive 3 or 4, through HiveServer2.' }),
  ...commonFields,
  batchRows: commonFields.batchRows.default(500_000),
  everySeconds: commonFields.everySeconds.default(60),
  host: z.string().min(1).meta({ description: 'Host of HiveServer2.', example: 'hive.internal' }),
  port: z.int().min(1).max(65_535).default(10_000).meta({ description: 'Its Thrift port.' }),
  database: z
    .string()
    .regex(/^[A-Za-z0-9_]+$/, { message: 'must be letters, digits and _' })
    .meta({ description: 'Database of the tables; created if it is missing.', example: 'ods' }),
  auth: z.enum(['plain', 'nosasl']).default('plain').meta({
    description:
      'As hive.server2.authentication of the server. plain: NONE, LDAP, PAM or CUSTOM; nosasl: NOSASL.',
  }),
  user: z.string().default('hive').meta({ description: 'User of the server.' }),
  password: secret.meta({ description: 'Password of the user.', example: '${CDC_HIVE_PASSWORD}' }),
  ssl: tlsOptions,
  connections: z.int().min(1).max(32).default(2).meta({ description: 'Most sessions at a time.' }),
  timeoutSeconds: z.int().min(1).max(3600).default(300).meta({
    description: 'When a server that does not answer counts as lost; statements may take longer.',
  }),
  files: z
    .discriminatedUnion('type', [localFiles, webhdfsFiles, s3Files])
    .meta({ description: 'Where the files of the tables are written.' }),
  format: z.enum(['parquet', 'orc']).default('parquet').meta({ description: 'Format of files.' }),
  partitionColumn: z
    .string()
    .regex(/^[a-z][a-z0-9_]*$/, { message: 'must be small letters, digits and _' })
    .default('dt')
    .meta({ description: 'Name of the partition column of tables that have `partitionBy`.' }),
  compactFiles: z.int().min(2).max(10_000).default(50).meta({
    description: 'Files written to a table since its last compaction that begin the next one.',
  }),
  keepOldMinutes: z.number().min(0).max(100_000).default(60).meta({
    description: 'How long files that are no longer needed are kept for queries that still run.',
  }),
  keepDeletedDays: z.number().min(0).max(10_000).default(7).meta({
    description:
      'How long it is remembered that a row was deleted, so that an older state of it which comes late stays hidden.',
  }),
  overrides: overridesOf({
    partitionBy: z
      .strictObject({
        column: z.string().min(1).optional().meta({
          description: 'Column by which rows are partitioned; absent: when they were written, UTC.',
          example: 'created_at',
        }),
        by: z.enum(['value', 'year', 'month', 'day', 'hour']).default('day').meta({
          description: 'The column’s value as it is, or the part of its date.',
        }),
      })
      .optional()
      .meta({ description: 'Partitions of the table; without it there are none.' }),
  }),
});

export type HiveSinkOptions = z.output<typeof hiveSinkOptions>;

/** What the overrides say of a single table. */
export type HiveTableSettings = HiveSinkOptions['overrides'][number]['settings'];
