import { z } from 'zod';

export const layersOptions = z.strictObject({
  folder: z
    .string()
    .default('layers')
    .meta({ description: 'Folder with dwd/, dws/ and ads/, relative to the project file.' }),
  rebuildShare: z.number().min(0).max(1).default(0.25).meta({
    description:
      'Above this share of affected keys a model is rebuilt and swapped instead, until it has been measured what both cost for this model.',
  }),
  rebuildFromKeys: z.number().int().min(1).default(20_000).meta({
    description:
      'Fewer affected keys than this are always recomputed by key, whatever their share.',
  }),
  deferKeys: z.number().int().min(1).default(200_000).meta({
    description:
      'With more affected keys than this at once (one dimension row with a million facts) a model and its readers stay at their cut while a job beside the flow brings them up; the others keep their freshness.',
  }),
  chunkKeys: z.number().int().min(1).default(50_000).meta({
    description: 'Keys that one statement recomputes; bounds the memory of the engine.',
  }),
  keepVersions: z.number().int().min(0).default(2).meta({
    description:
      'Changes of models that `cdc layers rollback` can undo: their old tables are kept.',
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
