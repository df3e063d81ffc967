import { z } from 'zod';
import { kafkaConnectionFields } from '../../kafka/options.ts';
import { parseColumnWords } from './column-words.ts';

export const topicFormats = ['debezium', 'maxwell', 'canal', 'json', 'filebeat'] as const;

const encodings = [
  ...['text', 'iso', 'epochDays', 'epochMillis', 'epochMicros', 'epochNanos'],
  ...['base64', 'latin1', 'unscaledBase64', 'bits', 'boolean', 'geometry', 'value'],
] as const;

const columnOptions = z.strictObject({
  name: z.string().min(1).meta({ description: 'Name of the column.', example: 'amount' }),
  type: z
    .string()
    .refine((words) => parseColumnWords(words) !== undefined, {
      message: 'is not a column type such as bigint unsigned, decimal(10,2), datetime(6) or json',
    })
    .meta({ description: 'Type in MySQL’s words.', example: 'decimal(10,2)' }),
  nullable: z
    .boolean()
    .default(true)
    .meta({ description: 'Whether it may be NULL; columns of the key may not.' }),
  path: z
    .array(z.string().min(1))
    .min(1)
    .optional()
    .meta({
      description:
        'Names of the fields that lead to the value, from the row. Default: the column’s name.',
      example: ['customer', 'city'],
    }),
  encoding: z.enum(encodings).optional().meta({
    description: 'How the message writes the value (docs/formats.md). Default: as its format does.',
    example: 'iso',
  }),
});

const tableName = /^[^.\s]+\.[^.\s]+$/;

/** A topic, or several by a pattern, that fill a table. */
const topicTableFields = z.strictObject({
  topic: z
    .string()
    .regex(/^[A-Za-z0-9._*?-]+$/, { message: 'is not a name or pattern of topics' })
    .meta({
      description:
        'Topic, or a pattern: `*` stands for any run of characters. New topics that match are taken in as they appear.',
      example: 'dbserver1.shop.orders',
    }),
  table: z
    .string()
    .refine((name) => name.includes('*') || tableName.test(name), {
      message: 'is not a table such as shop.orders',
    })
    .meta({
      description:
        'Table in the warehouse, database.table. Each `*` in it stands for what the `*` of the topic stands for.',
      example: 'shop.orders',
    }),
  format: z.enum(topicFormats).meta({ description: 'What wrote the messages.' }),
  messageTable: z.string().regex(tableName, { message: 'is not database.table' }).optional().meta({
    description: 'How messages name the table, where a topic carries several. Default: as `table`.',
    example: 'shop_main.orders',
  }),
  key: z
    .array(z.string().min(1))
    .min(1)
    .optional()
    .meta({
      description:
        'Columns that identify a row. Debezium with keys and Canal say it themselves; application JSON without it keeps every message.',
      example: ['id'],
    }),
  columns: z.array(columnOptions).min(1).optional().meta({
    description:
      'Columns to take. Debezium with a schema block and Canal need none; `cdc topics add` infers them.',
  }),
  version: z.enum(['binlog', 'lsn', 'offset']).optional().meta({
    description:
      'What orders changes of a row: the binlog or LSN that the message names, or its offset. Default: binlog for Debezium, offset for the others.',
  }),
  owner: z.string().optional().meta({ description: 'Who answers for the data; for people.' }),
  description: z.string().optional().meta({ description: 'What the table is; for people.' }),
});

export const topicTableOptions = topicTableFields.superRefine((entry, context) => {
  const { topic, table, format, key, columns } = entry;
  const complain = (path: string, message: string) =>
    context.addIssue({ code: 'custom', path: [path], message });
  if (starsOf(table) > starsOf(topic)) complain('table', 'has more * than the topic');
  if (format === 'maxwell' && columns === undefined) {
    complain('format', 'needs columns: messages of Maxwell have no types; see `cdc topics add`');
  }
  const hasOwnKey = format === 'json' || format === 'filebeat';
  if (columns !== undefined && key === undefined && !hasOwnKey) {
    complain('columns', 'need a key beside them');
  }
  const names = columns?.map(({ name }) => name);
  const missing = key?.filter((name) => names !== undefined && !names.includes(name)) ?? [];
  if (missing.length > 0) complain('key', `is not among the columns: ${missing.join(', ')}`);
  const twice = names?.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) complain('columns', `name ${twice} twice`);
});

function starsOf(pattern: string): number {
  return pattern.split('*').length - 1;
}

/** What a project file may say about topics as a source. */
export const kafkaSourceOptions = z.strictObject({
  type: z.literal('kafka').meta({ description: 'Topics that other tools write.' }),
  ...kafkaConnectionFields,
  from: z.enum(['earliest', 'latest']).default('earliest').meta({
    description:
      'Where `cdc init` begins, also with a table read anew: at the first message there is, or at those that come. Topics and partitions that appear later are read from their first message.',
  }),
  tables: z
    .array(topicTableOptions)
    .default([])
    .meta({ description: 'Topics and the tables they fill; `cdc topics add` writes them.' }),
  unmatched: z.enum(['deadLetter', 'ignore']).default('deadLetter').meta({
    description: 'What becomes of messages about a table that no entry of their topic is for.',
  }),
  discoverySeconds: z
    .number()
    .min(0.1)
    .max(3600)
    .default(10)
    .meta({ description: 'How often new topics and partitions are looked for.' }),
});

export type KafkaSourceOptions = z.output<typeof kafkaSourceOptions>;
export type TopicTableOptions = z.output<typeof topicTableOptions>;
export type ColumnOptions = z.output<typeof columnOptions>;
export type TopicFormat = (typeof topicFormats)[number];
