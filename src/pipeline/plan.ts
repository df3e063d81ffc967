import { join } from 'node:path';
import { openCatalog } from '../catalog/lmdb-catalog.ts';
import type { ProjectConfig } from '../config/project-config.ts';
import { openEngine } from '../engine/clickhouse-engine.ts';
import { LayerHistory } from '../layers/change/layer-history.ts';
import type { AppliedChange, LayersPlan } from '../layers/layers.ts';
import type { Logger } from '../ops/logger.ts';
import { openProjectLayers } from './compose.ts';
import { requestApplyLayers, requestRollback } from './control.ts';
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

/** What has been applied, oldest first, and which of it can be undone. */
export interface LayersHistory {
  readonly changes: readonly (AppliedChange & { readonly canRollBack: boolean })[];
}

export async function layersHistory(config: ProjectConfig): Promise<LayersHistory> {
  await using catalog = await openCatalog(join(config.stateFolder, 'catalog'), { readOnly: true });
  const history = new LayerHistory(catalog);
  const changes = history.changes();
  const kept = new Set(history.retired().keys());
  const isKept = ({ number }: AppliedChange) =>
    changes
      .filter((change) => change.number >= number)
      .every(({ models }) =>
        models.every(({ before }) => before === undefined || kept.has(before)),
      );
  return { changes: changes.map((change) => ({ ...change, canRollBack: isKept(change) })) };
}

/**
 * Puts the models back as they were before a change, with their rows; `cdc run` brings them to the present. Beside a running
 * one it is that process that does it.
 */
export async function rollbackLayers(
  config: ProjectConfig,
  change: number,
  { logger, signal }: { readonly logger: Logger; readonly signal: AbortSignal },
): Promise<LayersHistory> {
  if (findRunner(config, 'layers') !== undefined) {
    await using catalog = await openCatalog(join(config.stateFolder, 'catalog'));
    await requestRollback(catalog, change, signal);
  } else {
    await using pipeline = await Pipeline.open(config, { logger });
    await pipeline.rollbackLayers(change, signal);
  }
  return layersHistory(config);
}
