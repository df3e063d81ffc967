import { versionOf } from '../change/position.ts';
import { odsDatabase } from '../load/clickhouse/ddl.ts';
import type { Stages } from './compose.ts';
import { assertNoErrors } from './preflight.ts';

/**
 * Creates the ODS tables that are missing, still empty, so that the engine can judge every layer
 * file before a row is read; throws CDC_LAYERS_INVALID with all problems of the files. The log may know
 * tables that a new warehouse does not have yet.
 */
export async function prepareModels(stages: Stages): Promise<void> {
  const { source, router, log, ods, layers, engine } = stages;
  const known = log.schemas();
  const existing = await engine.rows<{ name: string }>(
    'SELECT name FROM system.tables WHERE database = {database:String}',
    { params: { database: odsDatabase } },
  );
  const names = new Set(existing.map(({ name }) => name));
  const position = await source.currentPosition();
  const wanted = new Map([...router.tables(await source.tables()), ...known]);
  for (const [table, schema] of wanted) {
    // One that is there is for the loader to change, at its place in the log.
    if (names.has(table)) continue;
    await ods.applySchema({
      kind: 'schema',
      table,
      schema,
      existingRows: 'keep',
      version: versionOf(position),
    });
  }
  const plan = await layers.plan();
  assertNoErrors('CDC_LAYERS_INVALID', 'The layer files have problems', plan.problems);
}
