import type { TableId } from '../../change/table-id.ts';
import type { CompiledModel } from './model-compiler.ts';

/** The models all of whose tables are there; the others wait for a snapshot to finish. `models` in order of dependency. */
export function readyModels(
  models: readonly CompiledModel[],
  tables: Iterable<TableId>,
): CompiledModel[] {
  const ready = new Set(tables);
  return models.filter(({ model, reads }) => {
    const isReady = reads.every((name) => ready.has(name));
    if (isReady) ready.add(model.name);
    return isReady;
  });
}
