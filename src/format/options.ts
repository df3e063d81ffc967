import { z } from 'zod';

/** How changes are written into topics. */
export const formatOptions = z.strictObject({
  type: z.enum(['debezium', 'canal', 'maxwell']).default('debezium').meta({
    description: 'Whose envelope messages have: Debezium JSON, Canal flat JSON or Maxwell JSON.',
  }),
  schema: z.boolean().default(false).meta({
    description:
      'Debezium: write the schema block into each message, for readers without a registry.',
  }),
  decimals: z.enum(['string', 'precise', 'double']).default('string').meta({
    description:
      'Debezium: decimals as text, as base64 of their unscaled value (what Debezium does by default) or as a number with a loss.',
  }),
  transactions: z.boolean().default(false).meta({
    description: 'Debezium: write begin and end of each transaction into a topic of their own.',
  }),
});

export type FormatOptions = z.output<typeof formatOptions>;
