import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Catalog } from '../catalog/catalog.ts';
import { openCatalog } from '../catalog/lmdb-catalog.ts';
import type { Version } from '../change/position.ts';
import type { TableId } from '../change/table-id.ts';
import type { ProjectConfig } from '../config/project-config.ts';
import { openEngine } from '../engine/clickhouse-engine.ts';
import { CdcError } from '../errors.ts';
import { acquireProcessLock } from '../lib/process-lock.ts';
import { ClickhouseOds } from '../load/clickhouse/clickhouse-ods.ts';
import type { ReplayEngine } from '../load/clickhouse/replay-rows.ts';
import { StateTable } from '../load/clickhouse/state-table.ts';
import { warehouseConsumer } from '../load/loader.ts';
import type { Ods } from '../load/ods.ts';
import { truncatedPrefix, truncations } from '../load/truncations.ts';
import type { ChangeLog } from '../log/change-log.ts';
import type { Logger } from '../ops/logger.ts';
import { snapshotPrefix, type TableSnapshot } from './capture-state.ts';
import { openLog } from './open-log.ts';
import { Pipeline } from './pipeline.ts';
import { pendingRebuilds } from './rebuild-requests.ts';
import { findRoles, findRunner } from './roles.ts';
import { routedTables } from './routed-tables.ts';
import { shareOffsets } from './share-layout.ts';

/** What writing changes again reads and writes. */
export interface ReplayParts {
  readonly log: ChangeLog;
  readonly engine: ReplayEngine;
  readonly ods: Ods;
  readonly maxBatchBytes: number;
  /** The newest truncate that was loaded, by `scopeOf`. */
  readonly truncatedAt: ReadonlyMap<string, Version>;
}

export interface OpenedReplay extends ReplayParts {
  readonly ods: ClickhouseOds;
  readonly catalog: Catalog;
  /** Log entries before it are loaded. */
  readonly loaded: number;
}

export interface ReplayContext {
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/**
 * Opens what is needed to write changes again, beside whatever runs; one process at a time does so.
 * Throws CDC_PROJECT_LOCKED.
 */
export async function withReplay<T>(
  config: ProjectConfig,
  { logger }: ReplayContext,
  work: (parts: OpenedReplay) => Promise<T>,
): Promise<T> {
  const { stateFolder } = config;
  const lock = acquireProcessLock(join(stateFolder, 'replay.lock'));
  if (!('release' in lock)) {
    throw new CdcError('CDC_PROJECT_LOCKED', `Replaying: process ${lock.pid} does so already.`);
  }
  try {
    await using catalog = await openCatalog(join(stateFolder, 'catalog'));
    await using log = await openLog(config, catalog, logger);
    await using engine = await openEngine(config.warehouse, { stateFolder, logger });
    const state =
      config.log.type === 'embedded'
        ? { loaded: log.committed(warehouseConsumer), truncatedAt: truncations(catalog) }
        : await loadState(new StateTable(engine), config.load.shares);
    const { maxBatchBytes } = config.load;
    const ods = new ClickhouseOds(engine);
    return await work({ catalog, log, engine, ods, maxBatchBytes, ...state });
  } finally {
    lock.release();
  }
}

/**
 * Rows from before the table's snapshot have been swept or written again by it, those from before a truncate
 * are gone. In a table that was made anew, or lost them, nothing would be there to win over them. Where several
 * tables of the source go into one, all of them were read after it was made.
 */
export function oldestOfUse({ log, truncatedAt }: ReplayParts, table: TableId): Version {
  const routed = [...routedTables(log)].filter(([, { target }]) => target === table);
  const sources = routed.length === 0 ? [table] : routed.map(([source]) => source);
  const snapshots = sources.map((source) =>
    BigInt(log.checkpoint<TableSnapshot>(snapshotPrefix + source)?.firstVersion ?? 0),
  );
  // Math.min takes no bigints.
  const [snapshot = 0n] = snapshots.sort((left, right) => (left < right ? -1 : 1));
  const truncated = truncatedAt.get(table) ?? 0n;
  return truncated > snapshot ? truncated : snapshot;
}

/** What all shares have loaded, and the truncates among it. */
async function loadState(table: StateTable, count: number) {
  await table.create();
  const { rows } = await table.read(warehouseConsumer);
  const offsets = [...shareOffsets(rows, count).values()].map((offset) => offset ?? 0);
  const truncates = rows.filter(
    ({ key, value }) => key.startsWith(truncatedPrefix) && value !== '',
  );
  const truncatedAt = new Map<string, Version>();
  for (const { key, value } of truncates) {
    const scope = key.slice(truncatedPrefix.length);
    const version = BigInt(JSON.parse(value) as string);
    if (version > (truncatedAt.get(scope) ?? 0n)) truncatedAt.set(scope, version);
  }
  return { loaded: Math.min(...offsets), truncatedAt };
}

/**
 * Waits for the process that has the layers to rebuild what was asked for; without one does it here, unless
 * loaders are at work.
 */
export async function rebuildReaders(
  config: ProjectConfig,
  catalog: Catalog,
  { logger, signal }: ReplayContext,
): Promise<'rebuilt' | 'waiting'> {
  while (pendingRebuilds(catalog).size > 0 && findRunner(config, 'layers') !== undefined) {
    await delay(50, undefined, { signal });
  }
  if (pendingRebuilds(catalog).size === 0) return 'rebuilt';
  if (findRoles(config).length > 0) return 'waiting';
  await using pipeline = await Pipeline.open(config, { logger });
  await pipeline.rebuildLayers(signal);
  return 'rebuilt';
}
