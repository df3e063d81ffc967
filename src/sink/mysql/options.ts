import { z } from 'zod';
import { commonFields, overridesOf, secret, tlsOptions } from '../common-options.ts';

/** What a project file may say about a MySQL or MariaDB sink. */
export const mysqlSinkOptions = z.strictObject({
  type: z.literal('mysql').meta({ description: 'MySQL 8 or later, or MariaDB 10.6 or later.' }),
  ...commonFields,
  host: z
    .string()
    .default('127.0.0.1')
    .meta({ description: 'Host name or address.', example: 'serving1.internal' }),
  port: z.int().min(1).max(65535).default(3306).meta({ description: 'TCP port.' }),
  user: z.string().meta({
    description:
      'User with SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, INDEX and DROP on the database.',
    example: 'cdc',
  }),
  password: secret.meta({
    description: 'Password; write ${NAME} to take it from the environment.',
    example: '${CDC_SINK_PASSWORD}',
  }),
  database: z.string().min(1).meta({
    description: 'Database of the tables and of cdc_progress; it must exist.',
    example: 'serving',
  }),
  ssl: tlsOptions,
  maxConnections: z
    .int()
    .min(1)
    .max(100)
    .default(4)
    .meta({ description: 'Largest number of connections at the same time.' }),
  statementTimeoutSeconds: z.int().min(1).max(86_400).default(600).meta({
    description:
      'When a statement of a write has no answer for so long, the connection is given up and the write repeated.',
  }),
  deletes: z.enum(['hard', 'soft']).default('hard').meta({
    description: 'hard: deleted rows go; soft: they stay, and a column _deleted is 1.',
  }),
  enums: z.enum(['text', 'native']).default('text').meta({
    description: 'What ENUM and SET become: varchar, or the same type with the same members.',
  }),
  json: z.enum(['text', 'native']).default('text').meta({
    description:
      'What JSON becomes. text: longtext, which keeps every character; native: json, whose text a MySQL server writes anew, so that `cdc verify` does not compare it.',
  }),
  nonFinite: z.enum(['reject', 'null']).default('reject').meta({
    description:
      'NaN and infinite numbers, which models can give and the store cannot hold: refuse the row, or write NULL.',
  }),
  keyLength: z.int().min(1).max(768).default(191).meta({
    description:
      'Largest number of characters (bytes, of binary ones) in key columns whose length is not known, as those of models; rows with longer keys are refused.',
  }),
  overrides: overridesOf({
    types: z
      .record(z.string(), z.string().min(1))
      .optional()
      .meta({
        description: 'Types of columns, by their name in the store, in its own words.',
        example: { title: 'varchar(200)' },
      }),
    indexes: z
      .array(z.array(z.string().min(1)).min(1))
      .optional()
      .meta({
        description: 'Columns of further indexes, made when the table is created.',
        example: [['city', 'paid_at']],
      }),
    tableOptions: z.string().min(1).optional().meta({
      description: 'What follows the columns when the table is created.',
      example: 'ROW_FORMAT=COMPRESSED',
    }),
  }),
});

export type MysqlSinkOptions = z.output<typeof mysqlSinkOptions>;

/** Rules for values and types. */
export type TypeOptions = Pick<
  MysqlSinkOptions,
  'deletes' | 'enums' | 'json' | 'nonFinite' | 'keyLength'
>;

/** `SinkTable.settings`, as declared above. */
export interface TableSettings {
  readonly types?: Readonly<Record<string, string>>;
  readonly indexes?: readonly (readonly string[])[];
  readonly tableOptions?: string;
}
