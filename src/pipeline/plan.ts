import { join } from 'node:path';
import { openCatalog } from '../catalog/lmdb-catalog.ts';
import type { ProjectConfig } from '../config/project-config.ts';
import { openEngine } from '../engine/clickhouse-engine.ts';
import type { LayersPlan } from '../layers/layers.ts';
import type { Logger } from '../ops/logger.ts';
import { openProjectLayers } from './compose.ts';
import { requestApplyLayers } from './control.ts';
import { openLog } from './open-log.ts';
import { Pipeline } from './pipeline.ts';
import { assertNoErrors } from './preflight.ts';
import { findRunner } from './roles.ts';

/** What `apply` would build, drop and leave, and how each model is maintained; changes nothing. */
export async function planLayers(config: ProjectConfig, logger: Logger): Promise<LayersPlan> {
  await using catalog = await openCatalog(join(config.stateFolder, 'catalog'), { readOnly: true });
  await using engine = await openEngine(config.warehouse, {
    stateFolder: config.stateFolder,
    logger,
  });
  await using log = await openLog(config, catalog, logger);
  const tables = () => log.schemas();
  const layers = await openProjectLayers(config, { engine, catalog, tables, logger });
  return await layers.plan();
}

/** Builds what has changed in the layer files; beside a running `cdc run` it is that process that does. */
export async function applyLayers(
  config: ProjectConfig,
  logger: Logger,
  signal: AbortSignal,
): Promise<LayersPlan> {
  const plan = await planLayers(config, logger);
  assertNoErrors('CDC_LAYERS_INVALID', 'The layer files have problems', plan.problems);
  if (findRunner(config, 'layers') !== undefined) {
    await using catalog = await openCatalog(join(config.stateFolder, 'catalog'));
    await requestApplyLayers(catalog, signal);
    return plan;
  }
  await using pipeline = await Pipeline.open(config, { logger });
  await pipeline.applyLayers(signal);
  return plan;
}
