import { mkdir } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Catalog } from '../catalog/catalog.ts';
import { openCatalog } from '../catalog/lmdb-catalog.ts';
import type { Position } from '../change/position.ts';
import type { TableId } from '../change/table-id.ts';
import type { TableSchema } from '../change/table-schema.ts';
import type { ProjectConfig } from '../config/project-config.ts';
import { type ClickhouseEngine, openEngine } from '../engine/clickhouse-engine.ts';
import { CdcError } from '../errors.ts';
import { openKafkaCluster } from '../kafka/kafkajs-cluster.ts';
import { type Layers, type LayersSetup, openLayers } from '../layers/layers.ts';
import { ClickhouseOds } from '../load/clickhouse/clickhouse-ods.ts';
import { StateTable } from '../load/clickhouse/state-table.ts';
import type { Ods } from '../load/ods.ts';
import type { ChangeLog } from '../log/change-log.ts';
import type { Logger } from '../ops/logger.ts';
import type { Router } from '../route/router.ts';
import { wantsTable } from '../sink/table-plan.ts';
import { KafkaSource } from '../source/kafka/kafka-source.ts';
import { MysqlSource } from '../source/mysql/mysql-source.ts';
import type { Source } from '../source/source.ts';
import { streamCheckpoint } from './capture-state.ts';
import { HistoryKeeper } from './history-keeper.ts';
import { LoadShare, type ShareParts } from './load-share.ts';
import { LocalShares } from './local-shares.ts';
import { openLog } from './open-log.ts';
import { openRouter } from './open-router.ts';
import { ProjectSinks } from './project-sinks.ts';
import { sourceSchemas } from './routed-tables.ts';
import { arrangeShares } from './share-layout.ts';
import { allShares } from './share-state.ts';
import { StateBoard } from './state-board.ts';

/** What every role works with. */
export interface LogStages extends AsyncDisposable {
  /** In the state folder. */
  readonly catalog: Catalog;
  readonly log: ChangeLog;
}

/** Source -> router -> log. */
export interface CaptureStages extends LogStages {
  readonly source: Source;
  readonly router: Router;
}

/** Log -> warehouse. */
export interface WarehouseStages extends LogStages {
  readonly engine: ClickhouseEngine;
  readonly ods: Ods;
}

/** All stages of one project, opened and connected: source -> log -> loader -> layers -> sinks. */
export interface Stages extends CaptureStages, WarehouseStages {
  readonly loader: LocalShares;
  readonly layers: Layers;
  readonly sinks: ProjectSinks;
}

/** The only place where stages meet. `readyTables` says which ODS tables a model may be built from. */
export function openStages(
  config: ProjectConfig,
  logger: Logger,
  readyTables: (log: ChangeLog) => Map<TableId, TableSchema>,
): Promise<Stages> {
  return opening(async (keep) => {
    const { catalog, log } = await openLogStages(config, logger, keep);
    const source = keep(openSource(config, logger, log));
    const { engine, ods } = await openWarehouse(config, logger, keep);
    keep(new HistoryKeeper(config, { engine, catalog, logger }));
    const parts = { log, ods, options: config.load, logger };
    const loader =
      config.log.type === 'embedded'
        ? new LocalShares([LoadShare.inStateFolder(parts, catalog)], log, config.load)
        : await takeOverAll(config, engine, parts);
    const tables = () => readyTables(log);
    const layers = await openProjectLayers(config, { engine, catalog, tables, logger });
    const router = openRouter(config);
    const sinks = keep(await ProjectSinks.open(config, { engine, catalog, log, logger }));
    return { catalog, source, router, log, ods, loader, engine, layers, sinks };
  });
}

export function openCaptureStages(config: ProjectConfig, logger: Logger): Promise<CaptureStages> {
  return opening(async (keep) => {
    const { catalog, log } = await openLogStages(config, logger, keep);
    const source = keep(openSource(config, logger, log));
    return { catalog, log, source, router: openRouter(config) };
  });
}

export function openWarehouseStages(
  config: ProjectConfig,
  logger: Logger,
): Promise<WarehouseStages> {
  return opening(async (keep) => {
    const stages = await openLogStages(config, logger, keep);
    return { ...stages, ...(await openWarehouse(config, logger, keep)) };
  });
}

/** The layers of a project's folder over the ODS tables given. */
export function openProjectLayers(
  config: ProjectConfig,
  parts: Pick<LayersSetup, 'engine' | 'catalog' | 'tables' | 'logger'>,
): Promise<Layers> {
  const folder = join(config.folder, config.layers.folder);
  const isPublished = (model: string) => config.sinks.some((sink) => wantsTable(sink, model));
  return openLayers({ ...parts, folder, options: config.layers, isPublished });
}

/** Names this process in the warehouse's state table. */
export function processName(): string {
  return `process ${process.pid} on ${hostname()}, started ${startedAt}`;
}

const startedAt = new Date().toISOString();

type Keep = <T extends AsyncDisposable>(stage: T) => T;

/** Opens stages so that closing the whole closes them all, the last one first; also when opening fails. */
async function opening<T extends object>(
  open: (keep: Keep) => Promise<T>,
): Promise<T & AsyncDisposable> {
  const opened: AsyncDisposable[] = [];
  const close = async () => {
    for (const stage of opened.splice(0)) await stage[Symbol.asyncDispose]();
  };
  try {
    const stages = await open((stage) => {
      opened.unshift(stage);
      return stage;
    });
    return { ...stages, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function openLogStages(config: ProjectConfig, logger: Logger, keep: Keep) {
  await mkdir(config.stateFolder, { recursive: true, mode: 0o700 });
  const catalog = keep(await openCatalog(join(config.stateFolder, 'catalog')));
  const log = keep(await openLog(config, catalog, logger));
  return { catalog, log };
}

/** Without a log it begins at no stored place and knows no table. */
export function openSource(config: ProjectConfig, logger: Logger, log?: ChangeLog): Source {
  const { source } = config;
  const position = () => log?.checkpoint<Position>(streamCheckpoint);
  const schemas = log && { log: { schemas: () => sourceSchemas(log) } };
  const known = { logger, position, ...schemas };
  if (source.type === 'kafka') {
    const clientId = `cdc-${config.name}`;
    return new KafkaSource(source, {
      openCluster: () => openKafkaCluster(source, { clientId, logger }),
      ...known,
    });
  }
  return new MysqlSource(source, {
    ...known,
    project: config.folder,
    // Topics show changes to others; the warehouse needs only what the rows are now.
    detail: config.log.type === 'kafka' ? 'changes' : 'rows',
  });
}

/** Tables whose snapshots are read at once. */
export function parallelTables({ source }: ProjectConfig): number {
  return source.type === 'mysql' ? source.snapshot.parallelTables : 2;
}

async function openWarehouse(config: ProjectConfig, logger: Logger, keep: Keep) {
  const { stateFolder } = config;
  const engine = keep(await openEngine(config.warehouse, { stateFolder, logger }));
  return { engine, ods: new ClickhouseOds(engine) };
}

/** All shares for this process; whoever takes one later makes this one stop. */
async function takeOverAll(
  config: ProjectConfig,
  engine: ClickhouseEngine,
  parts: ShareParts,
): Promise<LocalShares> {
  const table = new StateTable(engine);
  const { shares: count } = config.load;
  await arrangeShares(table, count);
  const shares: LoadShare[] = [];
  for (const id of allShares(count)) {
    const setup = { ...parts, table, ownerId: processName(), assertOwned: () => undefined };
    shares.push(await LoadShare.takeOver(id, setup));
  }
  const board = new StateBoard(table);
  const assertOwned = async () => {
    await board.read();
    for (const { consumer } of shares) {
      const owner = board.owner(consumer)?.id;
      if (owner !== processName()) throw loadedElsewhere(consumer, owner);
    }
  };
  return new LocalShares(shares, parts.log, { ...config.load, assertOwned });
}

function loadedElsewhere(consumer: string, owner: string | undefined): CdcError {
  return new CdcError(
    'CDC_PROJECT_LOCKED',
    `Loading: ${owner ?? 'another process'} has taken over ${consumer}.`,
    { remedy: 'Run either `cdc run`, or the roles each by itself (--only), not both.' },
  );
}
