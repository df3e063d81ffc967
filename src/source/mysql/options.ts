import { z } from 'zod';
import { isTablePattern } from '../../change/table-pattern.ts';
import { Secret } from '../../lib/secret.ts';

const tablePattern = z.string().refine(isTablePattern, {
  message: 'is not a table pattern such as shop.orders, shop.* or !shop.tmp_*',
});

/** What a project file may say about a MySQL or MariaDB source. */
export const mysqlSourceOptions = z.strictObject({
  type: z.literal('mysql').meta({ description: 'MySQL 8 or later, or MariaDB 10.5 or later.' }),
  host: z
    .string()
    .default('127.0.0.1')
    .meta({ description: 'Host name or address.', example: 'db1.internal' }),
  port: z.int().min(1).max(65535).default(3306).meta({ description: 'TCP port.' }),
  user: z.string().meta({
    description: 'User with SELECT on the tables, REPLICATION SLAVE and REPLICATION CLIENT.',
    example: 'cdc',
  }),
  password: z
    .string()
    .default('')
    .transform((text) => new Secret(text))
    .meta({
      description: 'Password; write ${NAME} to take it from the environment.',
      example: '${CDC_SOURCE_PASSWORD}',
    }),
  tables: z
    .array(tablePattern)
    .min(1)
    .meta({
      description: 'Table patterns, later ones win; `!` excludes.',
      example: ['shop.*', '!shop.tmp_*'],
    }),
  serverId: z.int().min(1).max(4294967295).optional().meta({
    description:
      'Replica id, unique among all replicas of the server. Default: derived from the project folder.',
  }),
  ssl: z
    .strictObject({
      ca: z.string().optional().meta({ description: 'Path of a CA certificate (PEM).' }),
      rejectUnauthorized: z
        .boolean()
        .default(true)
        .meta({ description: 'Refuse certificates that do not verify.' }),
    })
    .optional()
    .meta({ description: 'Present: connect with TLS.' }),
  snapshot: z
    .strictObject({
      chunkRows: z
        .int()
        .min(100)
        .max(1_000_000)
        .default(50_000)
        .meta({ description: 'Rows read by one SELECT.' }),
      parallelTables: z
        .int()
        .min(1)
        .max(16)
        .default(2)
        .meta({ description: 'Tables read at the same time.' }),
    })
    .prefault({})
    .meta({ description: 'How `cdc init` reads tables.' }),
  temporal: z.enum(['native', 'text']).default('native').meta({
    description:
      'text: dates and times become strings, for 0000-00-00, 9999-12-31 and other values outside 1900-2299.',
  }),
  overrides: z
    .array(
      z.strictObject({
        tables: tablePattern.meta({
          description: 'Table pattern this entry is for.',
          example: 'shop.legacy_*',
        }),
        key: z
          .array(z.string())
          .min(1)
          .optional()
          .meta({ description: 'Columns that identify a row, for a table without a primary key.' }),
        temporal: z
          .enum(['native', 'text'])
          .optional()
          .meta({ description: 'As `temporal`, for these tables.' }),
      }),
    )
    .default([])
    .meta({ description: 'Settings for some tables; later entries win.' }),
  heartbeatSeconds: z.number().min(0.1).max(600).default(5).meta({
    description:
      'The server sends a sign of life this often; after three missing ones cdc reconnects.',
  }),
});

export type MysqlSourceOptions = z.output<typeof mysqlSourceOptions>;
