import { z } from 'zod';
import { formatOptions } from '../../format/options.ts';
import { kafkaConnectionFields, topicFields, topicPrefix } from '../../kafka/options.ts';
import { commonFields, overridesOf } from '../common-options.ts';

/** A changelog of each table in a topic of its own. */
export const kafkaSinkOptions = z.strictObject({
  type: z.literal('kafka').meta({
    description: 'Topics of a Kafka cluster: the changes of each table, for others to read.',
  }),
  ...commonFields,
  naming: commonFields.naming.default('{database}.{table}').meta({
    description:
      'Name of a table’s topic, behind the prefix and a dot; {database} (or the layer of a model) and {table} are filled in.',
  }),
  ...kafkaConnectionFields,
  prefix: topicPrefix.optional().meta({
    description:
      'Begins the names of all topics. Default: `<name of the project>.<name of the sink>`.',
  }),
  ...topicFields,
  compaction: z.boolean().default(true).meta({
    description:
      'New topics keep the last message of each key, others go once they are older than `retentionHours`; deletes are followed by a tombstone. false: all messages go with `retentionHours`.',
  }),
  format: formatOptions.omit({ transactions: true }).prefault({}).meta({
    description: 'How changes are written, as `log.format`. Short form: `format: maxwell`.',
  }),
  before: z.boolean().default(true).meta({
    description:
      'Updates and deletes have the row as it was before, and rows that have not changed are not sent; costs a copy of the rows in the warehouse. false: every row is an insert (or a delete), for readers that keep the last one of a key.',
  }),
  overrides: overridesOf({
    partitions: z
      .int()
      .min(1)
      .max(10_000)
      .optional()
      .meta({ description: 'Partitions of the table’s topic when it is made.' }),
  }),
});

export type KafkaSinkOptions = z.output<typeof kafkaSinkOptions>;
