import type { Catalog } from '../../catalog/catalog.ts';
import type { TableId } from '../../change/table-id.ts';
import type { TableSchema } from '../../change/table-schema.ts';
import { LayerState, modelOf } from '../layer-state.ts';
import { compileModels } from '../model/model-set.ts';
import { readOdsCatalog } from '../model/ods-catalog.ts';
import type { SqlEngine } from '../sql-engine.ts';
import { type ExplainerOptions, ModelExplainer } from './model-explainer.ts';
import { NodeGraph } from './node-graph.ts';

export interface ExplainerSetup extends Omit<ExplainerOptions, 'graph'> {
  readonly engine: SqlEngine;
  /** May be read-only. */
  readonly catalog: Catalog;
  readonly schemas: ReadonlyMap<TableId, TableSchema>;
}

/** An explainer over the models as they are built, whatever has become of their files. */
export async function openExplainer(setup: ExplainerSetup): Promise<ModelExplainer> {
  const { engine, catalog, schemas, ...options } = setup;
  const records = new LayerState(catalog).records();
  const { compiled } = await compileModels([...records.values()].map(modelOf), {
    engine,
    schemas,
    storageOf: (name) => records.get(name)?.storage ?? name,
  });
  const graph = new NodeGraph(compiled, await readOdsCatalog(engine, schemas));
  return new ModelExplainer({ ...options, engine, graph });
}
