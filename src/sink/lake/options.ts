import { z } from 'zod';
import { commonFields, overridesOf, secret } from '../common-options.ts';

const s3Options = z.strictObject({
  endpoint: z.url().optional().meta({
    description: 'Address of the store. Default: that of AWS for the region.',
    example: 'https://minio.internal:9000',
  }),
  region: z.string().min(1).default('us-east-1').meta({ description: 'Region of the bucket.' }),
  pathStyle: z.boolean().default(true).meta({
    description: 'The bucket is in the path of addresses; false: in the host name.',
  }),
  accessKeyId: z
    .string()
    .min(1)
    .meta({ description: 'Access key; write ${NAME} to take it from the environment.' }),
  secretAccessKey: secret.meta({
    description: 'Its secret; write ${NAME} to take it from the environment.',
  }),
  sessionToken: secret.meta({ description: 'Token of temporary credentials.' }),
});

/** Files that any engine reads: plain Parquet, Delta or Iceberg, in a folder or a bucket. */
export const lakeSinkOptions = z
  .strictObject({
    type: z.literal('lake').meta({
      description: 'Files for other engines, in a folder or a bucket: Parquet, Delta or Iceberg.',
    }),
    ...commonFields,
    batchRows: commonFields.batchRows.default(1_000_000),
    batchBytes: commonFields.batchBytes.default(256 * 1024 ** 2),
    everySeconds: commonFields.everySeconds.default(60),
    path: z.string().min(1).meta({
      description:
        'Folder (relative to the project) or s3://bucket/prefix; each table has a folder below.',
      example: 's3://warehouse/shop',
    }),
    s3: s3Options.optional().meta({ description: 'How the bucket is reached.' }),
    format: z.enum(['parquet', 'delta', 'iceberg']).default('parquet').meta({
      description:
        'parquet: files with every version of a row, which a query reduces; delta, iceberg: tables that show current rows.',
    }),
    fileBytes: z
      .int()
      .min(64 * 1024)
      .max(1024 ** 3)
      .default(128 * 1024 ** 2)
      .meta({ description: 'Size of data files that compaction aims at.' }),
    compactFiles: z.int().min(2).max(1000).default(16).meta({
      description: 'So many small files are made one.',
    }),
    keepHours: z.number().min(0).max(8760).default(24).meta({
      description:
        'How long files and snapshots that are no longer current stay, for readers that began with them.',
    }),
    overrides: overridesOf({
      partitionBy: z.string().min(1).optional().meta({
        description:
          'format parquet: folders p_date=... (and p_hour=...) by this date or time column, or by `commit`, the time of writing.',
        example: 'created_at',
      }),
      partitionEvery: z
        .enum(['day', 'hour'])
        .optional()
        .meta({ description: 'Length of a partition. Default: day.' }),
    }),
  })
  .refine(({ path, s3 }) => path.startsWith('s3://') === (s3 !== undefined), {
    path: ['s3'],
    message: 'belongs to a path that begins with s3://, and to no other',
  });

export type LakeSinkOptions = z.output<typeof lakeSinkOptions>;
