import { join } from 'node:path';
import { openCatalog } from '../catalog/lmdb-catalog.ts';
import { renderPosition } from '../change/position.ts';
import type { ProjectConfig } from '../config/project-config.ts';
import { openEngine } from '../engine/clickhouse-engine.ts';
import { CdcError } from '../errors.ts';
import type { Logger } from '../ops/logger.ts';
import { withHeldCut } from './control.ts';
import { findRunner } from './roles.ts';
import { type Cut, cutKey } from './warehouse.ts';

/** Reads the warehouse, beside a running `cdc run` or alone. */
export interface WarehouseQuery extends AsyncDisposable {
  /** Runs one statement; yields its result in `format`, a ClickHouse format name, as it arrives. */
  query(sql: string, format: string, signal?: AbortSignal): AsyncIterable<Buffer>;
  /** How another ClickHouse client gets in. */
  readonly address: { readonly url: string; readonly user: string };
}

export async function openQuery(config: ProjectConfig, logger: Logger): Promise<WarehouseQuery> {
  const engine = await openEngine(config.warehouse, { stateFolder: config.stateFolder, logger });
  return {
    query: (sql, format, signal) => engine.query(sql, { format, ...(signal && { signal }) }),
    address: engine.address,
    [Symbol.asyncDispose]: () => engine[Symbol.asyncDispose](),
  };
}

/**
 * Does `work` while all tables and models stand still at one published cut, which `cdc run` brings all of them to
 * first; capture goes on meanwhile. `work` gets the cut's place in the source.
 */
export async function atOneCut<T>(
  config: ProjectConfig,
  signal: AbortSignal,
  work: (position: string) => Promise<T>,
): Promise<T> {
  await using catalog = await openCatalog(join(config.stateFolder, 'catalog'));
  const atCut = async () => {
    const cut = catalog.get<Cut>(cutKey);
    if (cut === undefined) {
      const message = `Reading ${config.name} at a cut: none has been published.`;
      throw new CdcError('CDC_NOT_INITIALIZED', message);
    }
    return await work(renderPosition(cut.position));
  };
  if (findRunner(config, 'layers') === undefined) return await atCut();
  return await withHeldCut(catalog, signal, atCut);
}
