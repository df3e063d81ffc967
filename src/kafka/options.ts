import { z } from 'zod';
import { Secret } from '../lib/secret.ts';

/** How to reach a Kafka cluster; the same fields wherever a project file names one. */
export const kafkaConnectionFields = {
  brokers: z
    .array(
      z.string().regex(/^[^\s:/]+:\d{1,5}$|^\[[0-9a-fA-F:]+\]:\d{1,5}$/, {
        message: 'is not host:port',
      }),
    )
    .min(1)
    .meta({ description: 'Brokers to ask first, host:port.', example: ['kafka1.internal:9092'] }),
  ssl: z
    .strictObject({
      ca: z.string().optional().meta({ description: 'Path of a CA certificate (PEM).' }),
      cert: z.string().optional().meta({ description: 'Path of our certificate (PEM).' }),
      key: z.string().optional().meta({ description: 'Path of its key (PEM).' }),
      rejectUnauthorized: z
        .boolean()
        .default(true)
        .meta({ description: 'Refuse certificates that do not verify.' }),
    })
    .optional()
    .meta({ description: 'Present: connect with TLS.' }),
  sasl: z
    .strictObject({
      mechanism: z
        .enum(['plain', 'scram-sha-256', 'scram-sha-512'])
        .meta({ description: 'How to log in.' }),
      username: z.string().meta({ description: 'User name.' }),
      password: z
        .string()
        .transform((text) => new Secret(text))
        .meta({ description: 'Password; write ${NAME} to take it from the environment.' }),
    })
    .optional()
    .meta({ description: 'Present: log in.' }),
};

/** How topics are made, and what goes into them; the same fields wherever a project file has topics written. */
export const topicFields = {
  partitions: z.int().min(1).max(10_000).default(3).meta({
    description: 'Partitions of a new topic. A topic that exists keeps its own.',
  }),
  replication: z.int().min(1).max(100).optional().meta({
    description: 'Replicas of a new topic. Default: what the cluster does by default.',
  }),
  retentionHours: z.number().min(-1).default(168).meta({
    description: 'How long a new topic keeps messages; -1 for ever.',
  }),
  compression: z
    .enum(['none', 'gzip', 'snappy', 'lz4', 'zstd'])
    .default('lz4')
    .meta({ description: 'Compression of record batches.' }),
};

export const topicPrefix = z.string().regex(/^[A-Za-z0-9._-]{1,100}$/, {
  message: 'may hold only letters, digits, . _ and -',
});

const connection = z.strictObject(kafkaConnectionFields);

export type KafkaConnection = z.output<typeof connection>;
