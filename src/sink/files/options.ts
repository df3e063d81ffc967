import { z } from 'zod';
import { commonFields, overridesOf } from '../common-options.ts';

/** Files in a folder, for whatever reads files. */
export const filesSinkOptions = z.strictObject({
  type: z.literal('files').meta({
    description:
      'Files of NDJSON or CSV in a folder: each change of a row is a line, with _version and _deleted.',
  }),
  ...commonFields,
  folder: z.string().min(1).meta({
    description: 'Folder of the files; each table has its own below. From the project’s folder on.',
    example: 'out/files',
  }),
  format: z.enum(['ndjson', 'csv']).default('ndjson').meta({
    description: 'ndjson: a JSON object a line; csv: with a line of names.',
  }),
  gzip: z.boolean().default(false).meta({ description: 'Compress the files.' }),
  partition: z.enum(['none', 'day', 'hour']).default('none').meta({
    description: 'Folders by when the files were written, in UTC: date=2026-01-31, hour=07.',
  }),
  fileBytes: z
    .int()
    .min(64 * 1024)
    .max(1024 ** 3)
    .default(64 * 1024 ** 2)
    .meta({
      description:
        'Smaller files of a table are put together until they have this size, uncompressed.',
    }),
  overrides: overridesOf({}),
});

export type FilesSinkOptions = z.output<typeof filesSinkOptions>;
