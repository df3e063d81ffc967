import { z } from 'zod';
import { formatOptions } from '../../format/options.ts';
import { kafkaConnectionFields, topicFields, topicPrefix } from '../../kafka/options.ts';

export const kafkaLogOptions = z.strictObject({
  type: z.literal('kafka').meta({ description: 'Topics of a Kafka cluster.' }),
  ...kafkaConnectionFields,
  prefix: topicPrefix.optional().meta({
    description: 'Begins the names of all topics. Default: the name of the project.',
  }),
  ...topicFields,
  compaction: z.boolean().default(false).meta({
    description:
      'New topics keep the last message of each key, once messages are older than `retentionHours`; deletes are followed by a tombstone.',
  }),
  format: formatOptions
    .prefault({})
    .meta({ description: 'How changes are written. Short form: `format: maxwell`.' }),
});

export type KafkaLogOptions = z.output<typeof kafkaLogOptions>;
