import { z } from 'zod';
import { formatOptions } from '../../format/options.ts';
import { kafkaConnectionFields } from '../../kafka/options.ts';

export const kafkaLogOptions = z.strictObject({
  type: z.literal('kafka').meta({ description: 'Topics of a Kafka cluster.' }),
  ...kafkaConnectionFields,
  prefix: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,100}$/, { message: 'may hold only letters, digits, . _ and -' })
    .optional()
    .meta({ description: 'Begins the names of all topics. Default: the name of the project.' }),
  partitions: z.int().min(1).max(10_000).default(3).meta({
    description: 'Partitions of a new topic. A topic that exists keeps its own.',
  }),
  replication: z.int().min(1).max(100).optional().meta({
    description: 'Replicas of a new topic. Default: what the cluster does by default.',
  }),
  retentionHours: z.number().min(-1).default(168).meta({
    description: 'How long a new topic keeps messages; -1 for ever.',
  }),
  compaction: z.boolean().default(false).meta({
    description:
      'New topics keep the last message of each key, once messages are older than `retentionHours`; deletes are followed by a tombstone.',
  }),
  format: formatOptions
    .prefault({})
    .meta({ description: 'How changes are written. Short form: `format: maxwell`.' }),
  compression: z
    .enum(['none', 'gzip', 'snappy', 'lz4', 'zstd'])
    .default('lz4')
    .meta({ description: 'Compression of record batches.' }),
});

export type KafkaLogOptions = z.output<typeof kafkaLogOptions>;
