import { z } from 'zod';

export const layersOptions = z.strictObject({
  folder: z
    .string()
    .default('layers')
    .meta({ description: 'Folder with dwd/, dws/ and ads/, relative to the project file.' }),
  rebuildShare: z.number().min(0).max(1).default(0.25).meta({
    description: 'Above this share of affected keys a model is rebuilt and swapped instead.',
  }),
  rebuildFromKeys: z.number().int().min(1).default(20_000).meta({
    description:
      'Fewer affected keys than this are always recomputed by key, whatever their share.',
  }),
  historyHours: z.number().min(0).default(24).meta({
    description:
      'How long the old and new rows of each refresh are kept, for `cdc layers explain --since`; 0 keeps none.',
  }),
  smallTableRows: z.number().int().min(0).default(10_000).meta({
    description: 'Tables of up to this many rows are read whole where larger ones are read by key.',
  }),
});

export type LayersOptions = z.output<typeof layersOptions>;
