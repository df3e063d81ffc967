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
});

export type LoadOptions = z.output<typeof loadOptions>;
