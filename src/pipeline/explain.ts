import { join } from 'node:path';
import type { Catalog } from '../catalog/catalog.ts';
import { openCatalog } from '../catalog/lmdb-catalog.ts';
import { renderPosition, versionOf } from '../change/position.ts';
import type { ProjectConfig } from '../config/project-config.ts';
import { openEngine } from '../engine/clickhouse-engine.ts';
import { CdcError } from '../errors.ts';
import type { CutMark, Explanation } from '../layers/explain/explanation.ts';
import { openExplainer } from '../layers/explain/open-explainer.ts';
import type { KeyPart } from '../layers/explain/row-finder.ts';
import { pastCutPrefix } from '../layers/refresh/past-cuts.ts';
import type { Logger } from '../ops/logger.ts';
import { openLog } from './open-log.ts';
import { cutAt, type Since } from './since.ts';
import { SourcePlaces } from './source-places.ts';
import { type Cut, cutKey } from './warehouse.ts';

export interface ExplainOptions {
  readonly model: string;
  readonly key: readonly KeyPart[];
  /** Asks how the row has changed, instead of what is behind it. */
  readonly since?: Since;
  /** Rows, candidates and steps shown. */
  readonly limit: number;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** Explains a row of a model; changes nothing, and works beside a running `cdc run`. */
export async function explainModel(
  config: ProjectConfig,
  options: ExplainOptions,
): Promise<Explanation> {
  const { logger, signal, limit } = options;
  const { stateFolder } = config;
  await using catalog = await openCatalog(join(stateFolder, 'catalog'), { readOnly: true });
  await using engine = await openEngine(config.warehouse, { stateFolder, logger });
  await using log = await openLog(config, catalog, logger);
  const current = catalog.get<Cut>(cutKey);
  if (current === undefined) {
    throw new CdcError(
      'CDC_NOT_INITIALIZED',
      `Explaining ${options.model}: no cut has been published yet.`,
      { remedy: 'Run `cdc run` until the layers are built.' },
    );
  }
  const cuts = publishedCuts(catalog, current);
  const places = new SourcePlaces(log, current.position);
  const explainer = await openExplainer({
    engine,
    catalog,
    schemas: log.schemas(),
    cuts,
    placeOf: (table, version) => places.of(table, version),
    limit,
    signal,
  });
  const since = options.since && cutAt(options.since, cuts, current.position.epoch);
  return await explainer.explain(options.model, options.key, since);
}

/** The oldest first. */
function publishedCuts(catalog: Catalog, current: Cut): CutMark[] {
  const past = [...catalog.entries<Cut>(pastCutPrefix).values()];
  const all = past.some(({ build }) => build === current.build) ? past : [...past, current];
  return all.map(({ build, position, publishedAtMs }) => {
    return {
      build,
      version: versionOf(position),
      position: renderPosition(position),
      publishedAtMs,
    };
  });
}
