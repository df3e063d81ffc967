import { join } from 'node:path';
import type { Catalog } from '../catalog/catalog.ts';
import { openCatalog } from '../catalog/lmdb-catalog.ts';
import type { ProjectConfig } from '../config/project-config.ts';
import { type ClickhouseEngine, openEngine } from '../engine/clickhouse-engine.ts';
import { CdcError } from '../errors.ts';
import type { Layers } from '../layers/layers.ts';
import type { ChangeLog } from '../log/change-log.ts';
import type { Logger } from '../ops/logger.ts';
import { openProjectLayers } from './compose.ts';
import { withHeldCut } from './control.ts';
import { openLog } from './open-log.ts';
import { Pipeline } from './pipeline.ts';
import { findRunner } from './roles.ts';
import { openScratch, type Scratch } from './verify-scratch.ts';
import { type Cut, cutKey } from './warehouse.ts';

/** What a verification or a repair works with, beside whatever loads and refreshes. */
export interface VerifyWork {
  /** The loading goes on in this process, under the rules of the project file as it is now. */
  readonly isAlone: boolean;
  readonly catalog: Catalog;
  readonly log: ChangeLog;
  readonly engine: ClickhouseEngine;
  readonly scratch: Scratch;
  /** The layers as they are in the catalog now; for comparing only. */
  layers(): Promise<Layers>;
  /** Does something while the models stand still at the published cut; capture goes on. */
  atHeldCut<T>(action: (cut: Cut) => Promise<T>): Promise<T>;
}

export interface VerifyWorkOptions {
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/**
 * Works beside a running `cdc run`, or with a pipeline of its own that runs for as long as it takes. Throws
 * CDC_NOT_INITIALIZED when nothing has been published.
 */
export async function withVerifyWork<T>(
  config: ProjectConfig,
  options: VerifyWorkOptions,
  work: (parts: VerifyWork) => Promise<T>,
): Promise<T> {
  const { logger } = options;
  if (findRunner(config, 'layers') !== undefined) {
    await using catalog = await openCatalog(join(config.stateFolder, 'catalog'));
    await using engine = await openEngine(config.warehouse, {
      stateFolder: config.stateFolder,
      logger,
    });
    await using log = await openLog(config, catalog, logger);
    await using scratch = await openScratch(config.stateFolder, engine);
    return await work(workOf(config, { isAlone: false, catalog, log, engine, scratch }, options));
  }
  await using pipeline = await Pipeline.open(config, { logger });
  if (pipeline.cut === undefined) {
    throw new CdcError(
      'CDC_NOT_INITIALIZED',
      `Verifying ${config.name}: no snapshot has been taken.`,
    );
  }
  await using scratch = await openScratch(config.stateFolder, pipeline.stages.engine);
  return await withRunning(pipeline, options, (signal) => {
    const parts = workOf(
      config,
      { isAlone: true, ...pipeline.stages, scratch },
      { ...options, signal },
    );
    return work(parts);
  });
}

function workOf(
  config: ProjectConfig,
  parts: Pick<VerifyWork, 'isAlone' | 'catalog' | 'log' | 'engine' | 'scratch'>,
  { logger, signal }: VerifyWorkOptions,
): VerifyWork {
  const { isAlone, catalog, log, engine, scratch } = parts;
  return {
    ...{ isAlone, catalog, log, engine, scratch },
    layers: () =>
      openProjectLayers(config, { engine, catalog, tables: () => log.schemas(), logger }),
    atHeldCut: (action) =>
      withHeldCut(catalog, signal, async () => {
        const cut = catalog.get<Cut>(cutKey);
        if (cut !== undefined) return action(cut);
        throw new CdcError('CDC_NOT_INITIALIZED', `Verifying ${config.name}: there is no cut.`);
      }),
  };
}

/** Runs the pipeline until the work is done; what stops the pipeline ends the work, too. */
async function withRunning<T>(
  pipeline: Pipeline,
  { signal }: VerifyWorkOptions,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const stop = new AbortController();
  const inner = AbortSignal.any([signal, stop.signal]);
  const running = pipeline.run(inner);
  running.catch(() => stop.abort());
  const working = work(inner);
  try {
    return await Promise.race([working, running.then(() => working)]);
  } finally {
    stop.abort();
    await Promise.allSettled([running, working]);
  }
}
