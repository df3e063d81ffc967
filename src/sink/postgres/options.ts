import { z } from 'zod';
import { commonFields, overridesOf, secret, tlsOptions } from '../common-options.ts';

/** Where a server is and how it is talked to: PostgreSQL's wire, whoever speaks it. */
export const serverFields = {
  host: z
    .string()
    .default('127.0.0.1')
    .meta({ description: 'Host name or address; a pooler such as PgBouncer will do.' }),
  user: z.string().meta({ description: 'User that owns the tables.', example: 'cdc' }),
  password: secret.meta({
    description: 'Password; write ${NAME} to take it from the environment.',
    example: '${CDC_SINK_PASSWORD}',
  }),
  database: z.string().min(1).meta({ description: 'Database.', example: 'serving' }),
  schema: z
    .string()
    .min(1)
    .default('public')
    .meta({ description: 'Schema of the tables and of cdc_progress; it is created when missing.' }),
  ssl: tlsOptions,
  maxConnections: z
    .int()
    .min(1)
    .max(100)
    .default(4)
    .meta({ description: 'Largest number of connections at the same time.' }),
  statementTimeoutSeconds: z.int().min(1).max(86_400).default(600).meta({
    description: 'A statement that takes longer is given up and repeated.',
  }),
  lockTimeoutSeconds: z.int().min(1).max(86_400).default(30).meta({
    description: 'Longest wait for a lock that somebody else holds on a table.',
  }),
};

/** Rules for values that the store holds in another way; for PostgreSQL's types. */
export const typeFields = {
  time: z.enum(['interval', 'time', 'text']).default('interval').meta({
    description:
      'What TIME becomes. interval holds all of -838:59:59 to 838:59:59; time refuses rows outside of a day; text is the text.',
  }),
  json: z.enum(['jsonb', 'json', 'text']).default('jsonb').meta({
    description:
      'What JSON becomes. jsonb forgets spaces, the order of keys and all but the last of equal keys, and refuses \\u0000; json and text keep every character.',
  }),
  textDates: z.enum(['text', 'null', 'reject']).default('text').meta({
    description:
      'What dates and times captured as text (source.temporal) become. text: text; otherwise dates, and what is none, such as 0000-00-00, is NULL or refused.',
  }),
  nul: z.enum(['reject', 'strip']).default('reject').meta({
    description:
      'Text with the character U+0000, which the store cannot hold: refuse the row, or leave the character out.',
  }),
};

/** What a project file may say about a PostgreSQL sink. */
export const postgresSinkOptions = z.strictObject({
  type: z.literal('postgres').meta({ description: 'PostgreSQL 13 or later.' }),
  ...commonFields,
  ...serverFields,
  port: z.int().min(1).max(65535).default(5432).meta({ description: 'TCP port.' }),
  deletes: z.enum(['hard', 'soft']).default('hard').meta({
    description: 'hard: deleted rows go; soft: they stay, and a column _deleted is true.',
  }),
  ...typeFields,
  bit: z.enum(['number', 'bits']).default('number').meta({
    description: 'What BIT(n) becomes: a number (bigint, or numeric for 64 bits), or bit(n).',
  }),
  overrides: overridesOf({
    fillFactor: z.int().min(10).max(100).optional().meta({
      description:
        'Share of a page filled by new rows, in per cent: below 100 updates are cheaper.',
    }),
  }),
});

export type PostgresSinkOptions = z.output<typeof postgresSinkOptions>;
export type ServerOptions = Pick<
  PostgresSinkOptions,
  keyof typeof serverFields | 'port' | 'parallelTables' | 'name'
>;
export type TypeOptions = Pick<PostgresSinkOptions, keyof typeof typeFields> & {
  readonly bit: 'number' | 'bits';
};
