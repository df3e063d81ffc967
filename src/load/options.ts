import { z } from 'zod';

export const loadOptions = z.strictObject({
  maxBatchBytes: z
    .int()
    .min(64 * 1024)
    .default(32 * 1024 ** 2)
    .meta({ description: 'Largest batch written to the warehouse at once.' }),
  flushMs: z
    .int()
    .min(0)
    .max(60_000)
    .default(50)
    .meta({ description: 'Longest wait for more changes before a batch is written.' }),
  shares: z.int().min(1).max(256).default(1).meta({
    description:
      'Parts into which the tables are divided for `cdc run --only load`: as many such processes can share the work. More than 1 needs `log: kafka`.',
  }),
});

export type LoadOptions = z.output<typeof loadOptions>;
