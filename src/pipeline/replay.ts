import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Catalog } from '../catalog/catalog.ts';
import { openCatalog } from '../catalog/lmdb-catalog.ts';
import type { Version } from '../change/position.ts';
import type { TableId } from '../change/table-id.ts';
import { parseTablePatterns } from '../change/table-pattern.ts';
import type { ProjectConfig } from '../config/project-config.ts';
import { openEngine } from '../engine/clickhouse-engine.ts';
import { CdcError } from '../errors.ts';
import { acquireProcessLock } from '../lib/process-lock.ts';
import { ClickhouseSink } from '../load/clickhouse/clickhouse-sink.ts';
import { type ReplayEngine, replayRows } from '../load/clickhouse/replay-rows.ts';
import { StateTable } from '../load/clickhouse/state-table.ts';
import { warehouseConsumer } from '../load/loader.ts';
import type { Sink } from '../load/sink.ts';
import { groupByTable } from '../load/table-operations.ts';
import { truncatedPrefix, truncations } from '../load/truncations.ts';
import type { ChangeLog } from '../log/change-log.ts';
import type { Logger } from '../ops/logger.ts';
import { snapshotPrefix, type TableSnapshot } from './capture-state.ts';
import { openLog } from './open-log.ts';
import { Pipeline } from './pipeline.ts';
import { pendingRebuilds, requestRebuild } from './rebuild-requests.ts';
import { parseReplayPlace, rangeGone, replayRange } from './replay-range.ts';
import { findRoles, findRunner } from './roles.ts';
import { routedTables } from './routed-tables.ts';
import { shareOffsets } from './share-layout.ts';

export interface ReplayOptions {
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** An offset of the log or a time. */
  readonly from: string;
  /** The end of what is loaded when absent. */
  readonly to?: string;
  /** Table patterns; all tables when absent. */
  readonly tables?: readonly string[];
}

export interface ReplayReport {
  /** Offsets of the log. */
  readonly from: number;
  readonly to: number;
  readonly rows: number;
  readonly tables: readonly { readonly table: TableId; readonly rows: number }[];
  /** The models that read these tables: rebuilt, or waiting for the layers to run. */
  readonly models: 'rebuilt' | 'waiting';
}

/** What a replay reads and writes. */
export interface ReplayParts {
  readonly log: ChangeLog;
  readonly engine: ReplayEngine;
  readonly sink: Sink;
  readonly maxBatchBytes: number;
  /** The newest truncate that was loaded, by `scopeOf`. */
  readonly truncatedAt: ReadonlyMap<string, Version>;
}

/**
 * Writes a range of the log again, rows only, and has the models over these tables rebuilt. Offsets and
 * the cut stay where they are, so it may run beside loaders; rows that are there already change nothing.
 */
export async function replayProject(
  config: ProjectConfig,
  options: ReplayOptions,
): Promise<ReplayReport> {
  const { logger, signal, stateFolder } = { ...options, ...config };
  const [from, to] = [parseReplayPlace(options.from), options.to && parseReplayPlace(options.to)];
  const lock = acquireProcessLock(join(stateFolder, 'replay.lock'));
  if (!('release' in lock)) {
    throw new CdcError('CDC_PROJECT_LOCKED', `Replaying: process ${lock.pid} does so already.`);
  }
  try {
    await using catalog = await openCatalog(join(stateFolder, 'catalog'));
    await using log = await openLog(config, catalog, logger);
    await using engine = await openEngine(config.warehouse, { stateFolder, logger });
    const { loaded, truncatedAt } =
      config.log.type === 'embedded'
        ? { loaded: log.committed(warehouseConsumer), truncatedAt: truncations(catalog) }
        : await loadState(new StateTable(engine), config.load.shares);
    const range = await replayRange(log, loaded, from, to || undefined);
    const { maxBatchBytes } = config.load;
    const sink = new ClickhouseSink(engine);
    const parts = { log, engine, sink, maxBatchBytes, truncatedAt };
    const matcher = options.tables && parseTablePatterns(options.tables);
    const wants = (table: TableId) => matcher?.matches(table) ?? true;
    const rows = await replay(parts, range, wants, signal);
    if (rows.size > 0) await requestRebuild(catalog, [...rows.keys()]);
    return {
      ...range,
      rows: [...rows.values()].reduce((sum, each) => sum + each, 0),
      tables: [...rows].map(([table, count]) => ({ table, rows: count })),
      models: await rebuild(config, catalog, options),
    };
  } finally {
    lock.release();
  }
}

/** Writes the rows of a range again; says how many of which table. */
export async function replay(
  parts: ReplayParts,
  range: { readonly from: number; readonly to: number },
  wants: (table: TableId) => boolean,
  signal: AbortSignal,
): Promise<Map<TableId, number>> {
  const { log, maxBatchBytes } = parts;
  const rows = new Map<TableId, number>();
  for (let next = range.from; next < range.to; ) {
    signal.throwIfAborted();
    const { firstOffset } = log.stats();
    if (next < firstOffset) throw rangeGone(firstOffset);
    const read = await log.read(next, maxBatchBytes, wants);
    const last = read.at(-1);
    if (last === undefined) break;
    next = last.next;
    const entries = read.filter(({ offset }) => offset < range.to);
    for (const [table, operations] of groupByTable(entries, new Map())) {
      for (const operation of operations) {
        if (operation.kind !== 'rows') continue;
        const { rowCount, chunks, layout, schemaVersion } = operation;
        const schema = log.schema(table, schemaVersion);
        if (schema === undefined) throw schemaLost(table, schemaVersion);
        const load = { schema, rowCount, chunks, ...(layout && { layout }) };
        await replayRows(parts, load, oldestOfUse(parts, table));
        rows.set(table, (rows.get(table) ?? 0) + rowCount);
      }
    }
  }
  return rows;
}

/**
 * Rows from before the table's snapshot have been swept or written again by it, those from before a truncate
 * are gone. In a table that was made anew, or lost them, nothing would be there to win over them. Where several
 * tables of the source go into one, all of them were read after it was made.
 */
function oldestOfUse({ log, truncatedAt }: ReplayParts, table: TableId): Version {
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

/** Waits for the process that has the layers; without one does it here, unless loaders are at work. */
async function rebuild(
  config: ProjectConfig,
  catalog: Catalog,
  { logger, signal }: ReplayOptions,
): Promise<ReplayReport['models']> {
  while (pendingRebuilds(catalog).size > 0 && findRunner(config, 'layers') !== undefined) {
    await delay(50, undefined, { signal });
  }
  if (pendingRebuilds(catalog).size === 0) return 'rebuilt';
  if (findRoles(config).length > 0) return 'waiting';
  await using pipeline = await Pipeline.open(config, { logger });
  await pipeline.rebuildLayers(signal);
  return 'rebuilt';
}

function schemaLost(table: TableId, version: string): CdcError {
  return new CdcError(
    'CDC_LOG_CORRUPT',
    `Replaying ${table}: the log has rows of schema version ${version}, but not the schema.`,
    { details: { table, version } },
  );
}
