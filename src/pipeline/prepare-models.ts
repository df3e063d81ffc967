import { versionOf } from '../change/position.ts';
import type { Stages } from './compose.ts';
import { assertNoErrors } from './preflight.ts';

/**
 * Creates the ODS tables that are missing, still empty, so that the engine can judge every layer
 * file before a row is read; throws CDC_LAYERS_INVALID with all problems of the files.
 */
export async function prepareModels({ source, router, log, sink, layers }: Stages): Promise<void> {
  const known = log.schemas();
  const position = await source.currentPosition();
  for (const schema of router.tables(await source.tables()).values()) {
    if (known.has(schema.table)) continue;
    await sink.applySchema({
      kind: 'schema',
      table: schema.table,
      schema,
      existingRows: 'keep',
      version: versionOf(position),
    });
  }
  const plan = await layers.plan();
  assertNoErrors('CDC_LAYERS_INVALID', 'The layer files have problems', plan.problems);
}
