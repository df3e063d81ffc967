import { z } from 'zod';
import { kafkaConnectionFields } from '../../kafka/options.ts';
import { commonFields, overridesOf, secret, tlsOptions } from '../common-options.ts';

const scalarTypes = [
  ...(['double', 'float', 'int32', 'int64', 'uint32', 'uint64', 'sint32', 'sint64'] as const),
  ...(['fixed32', 'fixed64', 'sfixed32', 'sfixed64', 'bool', 'string', 'bytes'] as const),
] as const;

export type ScalarType = (typeof scalarTypes)[number];

const messageField = z.strictObject({
  number: z.int().min(1).max(536_870_911).meta({ description: 'Number of the field.', example: 1 }),
  column: z.string().min(1).meta({ description: 'Column of the row.', example: 'id' }),
  type: z.enum(scalarTypes).optional().meta({
    description: 'Type of the field; otherwise the one nearest to the column’s.',
    example: 'int64',
  }),
});

const value = z.union([
  z.enum(['hash', 'json']),
  z.strictObject({ template: z.string().min(1) }),
  z.strictObject({ fields: z.array(messageField).min(1) }),
  z.strictObject({ protoFile: z.string().min(1), message: z.string().min(1) }),
]);

const index = z.strictObject({
  key: z.string().min(1).meta({
    description: 'Template of the key of a set of rows, from any columns.',
    example: 'shop:orders:by:student_id:{student_id}',
  }),
  member: z.string().min(1).optional().meta({
    description: 'Template of a member, from all key columns; otherwise the key of the row.',
    example: '{id}',
  }),
  score: z.string().min(1).optional().meta({
    description: 'Present: a sorted set, by this column (a number, or a time as seconds).',
    example: 'amount',
  }),
});

const ttl = z.union([
  z.strictObject({ seconds: z.int().min(1) }),
  z.strictObject({ column: z.string().min(1), plusSeconds: z.int().optional() }),
]);

const tableSettings = {
  key: z.string().min(1).optional().meta({
    description:
      'Template of a row’s key, from all key columns; otherwise the table’s name in the store and the key columns, with colons.',
    example: 'shop:orders:{id}',
  }),
  value: value.optional().meta({
    description:
      'hash (as without it), json, {template: text with {column}}, or protobuf: {fields: [{number, column, type}]} or {protoFile, message}.',
    example: { template: '{name}|{city}' },
  }),
  indexes: z
    .array(index)
    .optional()
    .meta({
      description: 'Sets of the rows with equal values. A row with a NULL there is in none.',
      example: [{ key: 'shop:orders:by:student_id:{student_id}' }],
    }),
  ttl: ttl.optional().meta({
    description:
      'When rows expire: {seconds} after they were written, or {column} with a time, {plusSeconds} later. `cdc verify --sink` counts expired rows as missing.',
    example: { column: 'expires_at' },
  }),
};

const trigger = z.strictObject({
  ...kafkaConnectionFields,
  topic: z.string().min(1).meta({
    description: 'Topic of the messages; created when missing.',
    example: 'shop.redis',
  }),
  partitions: z.int().min(1).max(10_000).default(6).meta({
    description: 'Partitions of the topic when it is created.',
  }),
  key: z.enum(['redis', 'row']).default('redis').meta({
    description: 'Key of a message: the Redis key, or the row’s key columns as JSON.',
  }),
  compression: z.enum(['none', 'gzip', 'snappy', 'lz4', 'zstd']).default('lz4').meta({
    description: 'How messages are compressed.',
  }),
});

/** What a project file may say about a Redis sink. */
export const redisSinkOptions = z.strictObject({
  type: z.literal('redis').meta({
    description: 'Redis 5 or later, Valkey, KeyDB; Pika with `scripts: false`.',
  }),
  ...commonFields,
  host: z.string().default('127.0.0.1').meta({
    description: 'Host name or address of the server, or of any node of a cluster.',
  }),
  port: z.int().min(1).max(65535).default(6379).meta({ description: 'TCP port.' }),
  database: z.int().min(0).default(0).meta({ description: 'Number of the database.' }),
  user: z.string().optional().meta({ description: 'ACL user; otherwise the default user.' }),
  password: secret.meta({
    description: 'Password; write ${NAME} to take it from the environment.',
    example: '${CDC_SINK_PASSWORD}',
  }),
  ssl: tlsOptions,
  timeoutSeconds: z.int().min(1).max(3600).default(30).meta({
    description: 'A connection on which nothing arrives for so long is given up.',
  }),
  prefix: z
    .string()
    .regex(/^[\x21-\x7e]{0,200}$/, { message: 'must be printable ASCII without spaces' })
    .default('')
    .meta({
      description:
        'Stands before every key, also before those the sink keeps for itself (`<prefix>_cdc:`). In a Redis Cluster it must hold a hash tag.',
      example: '{shop}:',
    }),
  scripts: z.boolean().default(true).meta({
    description:
      'Compare versions in Lua. false for Pika, which has none: cdc compares, and must be the only writer.',
  }),
  tombstoneSeconds: z
    .int()
    .min(60)
    .default(7 * 86_400)
    .meta({ description: 'How long the version of a deleted or expired row is remembered.' }),
  trigger: trigger.optional().meta({
    description:
      'Present: a message to Kafka for each changed key, when Redis has the row; again after a crash.',
  }),
  overrides: overridesOf(tableSettings),
});

export type RedisSinkOptions = z.output<typeof redisSinkOptions>;
export type RedisTrigger = z.output<typeof trigger>;
export type RedisTableSettings = z.output<z.ZodObject<typeof tableSettings>>;
export type RedisValue = z.output<typeof value>;
