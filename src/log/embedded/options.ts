import { z } from 'zod';

export const embeddedLogOptions = z.strictObject({
  type: z.literal('embedded').meta({ description: 'LMDB in the state folder.' }),
  maxBytes: z
    .int()
    .min(16 * 1024 * 1024)
    .default(4 * 1024 ** 3)
    .meta({ description: 'Capture waits while the loader is more than this many bytes behind.' }),
  retainBytes: z
    .int()
    .min(0)
    .default(64 * 1024 ** 2)
    .meta({ description: 'Bytes kept after every consumer has read them.' }),
});

export type EmbeddedLogOptions = z.output<typeof embeddedLogOptions>;
