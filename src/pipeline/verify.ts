import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Catalog } from '../catalog/catalog.ts';
import { openCatalog } from '../catalog/lmdb-catalog.ts';
import { comparePositions, type Position } from '../change/position.ts';
import type { TableId } from '../change/table-id.ts';
import { parseTablePatterns } from '../change/table-pattern.ts';
import type { TableSchema } from '../change/table-schema.ts';
import type { ProjectConfig } from '../config/project-config.ts';
import { type ClickhouseEngine, openEngine } from '../engine/clickhouse-engine.ts';
import { CdcError } from '../errors.ts';
import type { LayerDifference, Layers } from '../layers/layers.ts';
import type { ChangeLog } from '../log/change-log.ts';
import type { Logger } from '../ops/logger.ts';
import type { Router } from '../route/router.ts';
import { MysqlTextReader } from '../source/mysql/mysql-text-reader.ts';
import type { MysqlSourceOptions } from '../source/mysql/options.ts';
import {
  type StoppedTable,
  snapshotPrefix,
  stoppedPrefix,
  streamCheckpoint,
  type TableSnapshot,
} from './capture-state.ts';
import { openProjectLayers } from './compose.ts';
import { withHeldCut } from './control.ts';
import { openLog } from './open-log.ts';
import { openRouter } from './open-router.ts';
import { Pipeline } from './pipeline.ts';
import { findRunner } from './roles.ts';
import { readingOf, routedTables, sourceSchemas } from './routed-tables.ts';
import { parseMark } from './settled-tables.ts';
import { notComparable, routedRows } from './verify-routed-rows.ts';
import { type TableVerification, type TableVerifier, verifyTable } from './verify-table.ts';
import { type Cut, cutKey, settledPrefix } from './warehouse.ts';

export interface VerifyOptions {
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** Table patterns; all captured tables when absent. Layers are always verified. */
  readonly tables?: readonly string[];
  readonly onProgress?: (progress: VerifyProgress) => void;
}

export interface VerifyProgress {
  /** The table or model at work. */
  readonly name: string;
  readonly done: number;
  readonly total: number;
}

export interface VerifyReport {
  readonly ok: boolean;
  readonly tables: readonly TableVerification[];
  /** Tables that cannot be compared, and why. */
  readonly notVerified: readonly { readonly table: TableId; readonly reason: string }[];
  /** Tables that are stopped and so cannot agree. */
  readonly stopped: readonly StoppedTable[];
  readonly layers: readonly LayerDifference[];
}

/** What a verification needs, from the pipeline in this process or beside another one. */
interface Verifiable {
  /** The loading goes on in this process, under the rules of the project file as it is now. */
  readonly isAlone: boolean;
  readonly catalog: Catalog;
  readonly log: ChangeLog;
  readonly engine: ClickhouseEngine;
  readonly layers: Layers;
}

/**
 * Proves source = ODS = layers while the source goes on. Beside a running `cdc run` it uses what that
 * process loads; alone it does the loading itself for as long as it takes.
 */
export async function verifyProject(
  config: ProjectConfig,
  options: VerifyOptions,
): Promise<VerifyReport> {
  assertComparable(config);
  if (findRunner(config, 'layers') !== undefined) {
    await using catalog = await openCatalog(join(config.stateFolder, 'catalog'));
    await using engine = await openEngine(config.warehouse, {
      stateFolder: config.stateFolder,
      logger: options.logger,
    });
    await using log = await openLog(config, catalog, options.logger);
    const tables = () => log.schemas();
    const { logger } = options;
    const layers = await openProjectLayers(config, { engine, catalog, tables, logger });
    return await verify(config, { isAlone: false, catalog, log, engine, layers }, options, (work) =>
      withHeldCut(catalog, options.signal, work),
    );
  }
  await using pipeline = await Pipeline.open(config, { logger: options.logger });
  if (pipeline.cut === undefined) {
    throw new CdcError(
      'CDC_NOT_INITIALIZED',
      `Verifying ${config.name}: no snapshot has been taken.`,
    );
  }
  return await verifyAlone(config, pipeline, options);
}

/** Verifies with the pipeline of this process running; layers are compared once it has stopped at a cut. */
export async function verifyAlone(
  config: ProjectConfig,
  pipeline: Pipeline,
  options: VerifyOptions,
): Promise<VerifyReport> {
  const stop = new AbortController();
  const running = pipeline.run(AbortSignal.any([options.signal, stop.signal]));
  running.catch(() => undefined);
  const verified = verify(config, { isAlone: true, ...pipeline.stages }, options, async (work) => {
    stop.abort();
    await running;
    return work();
  });
  try {
    return await Promise.race([verified, running.then(() => verified)]);
  } finally {
    stop.abort();
    await running;
  }
}

async function verify(
  config: ProjectConfig,
  parts: Verifiable,
  options: VerifyOptions,
  atHeldCut: <T>(work: () => Promise<T>) => Promise<T>,
): Promise<VerifyReport> {
  const { catalog, log, engine, layers } = parts;
  const stopped = [...log.checkpoints<StoppedTable>(stoppedPrefix).values()];
  const router = openRouter(config);
  const schemas = wantedSchemas(log, router, options, stopped);
  const total = schemas.length + 1;
  const tables: TableVerification[] = [];
  const notVerified: { table: TableId; reason: string }[] = [];
  await engine.command('CREATE DATABASE IF NOT EXISTS _verify');
  const epoch = log.checkpoint<Position>(streamCheckpoint)?.epoch ?? 0;
  await using source = await MysqlTextReader.open(assertComparable(config), epoch);
  for (const [done, schema] of schemas.entries()) {
    options.onProgress?.({ name: schema.table, done, total });
    const reason =
      notComparable(router, schema) ?? (await awaitSettled(config, parts, schema, options.signal));
    if (reason !== undefined) {
      notVerified.push({ table: schema.table, reason });
      continue;
    }
    const setup = { engine, source, signal: options.signal };
    tables.push(await verifyOne(setup, schema, { log, router, catalog }));
  }
  options.onProgress?.({ name: 'layers', done: schemas.length, total });
  const compared = await atHeldCut(() => layers.verify(options.signal));
  const ok =
    stopped.length === 0 &&
    tables.every(({ differences }) => differences.length === 0) &&
    compared.every(({ differences }) => differences === 0);
  return { ok, tables, notVerified, stopped, layers: compared };
}

/**
 * Waits until a published cut holds the table as its last snapshot and the rules of today made it; or says
 * why there will be none.
 */
async function awaitSettled(
  config: ProjectConfig,
  { isAlone, log, catalog }: Verifiable,
  source: TableSchema,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { table } = source;
  const router = openRouter(config);
  const target = router.tableOf(table);
  const captured = parseTablePatterns(assertComparable(config).tables);
  if (!captured.matches(table)) return 'it is not captured any more';
  for (;;) {
    if (log.checkpoint(stoppedPrefix + table) !== undefined) return 'it has stopped meanwhile';
    const isOutdated = routedTables(log).get(table)?.rules !== router.rulesOf(source);
    if (isOutdated && !isAlone) return 'its rules have changed; start cdc run again to follow them';
    const snapshot = log.checkpoint<TableSnapshot>(snapshotPrefix + table);
    const mark = catalog.get<string>(settledPrefix + target);
    const isSettled =
      !isOutdated &&
      snapshot?.done === true &&
      new Map(mark === undefined ? [] : parseMark(target, mark)).get(table) ===
        readingOf(log, table, snapshot.firstVersion);
    if (isSettled) return undefined;
    await delay(20, undefined, { signal });
  }
}

/** Topics say what changed, not what is: there is nothing to compare a table with. */
function assertComparable({ name, source }: ProjectConfig): MysqlSourceOptions {
  if (source.type === 'mysql') return source;
  throw new CdcError(
    'CDC_USAGE',
    `Verifying ${name}: its source is topics, which hold no tables.`,
    {
      remedy: 'Compare the tables with the database that the topics come from, by `cdc query`.',
    },
  );
}

function verifyOne(
  setup: Pick<TableVerifier, 'engine' | 'source' | 'signal'>,
  source: TableSchema,
  { log, router, catalog }: { log: ChangeLog; router: Router; catalog: Catalog },
): Promise<TableVerification> {
  const { signal } = setup;
  const loadedPast = async (position: Position) => {
    for (;;) {
      const cut = catalog.get<Cut>(cutKey);
      if (cut !== undefined && comparePositions(cut.position, position) >= 0) return;
      await delay(20, undefined, { signal });
    }
  };
  const target = router.tableOf(source.table);
  const schema = log.schemas().get(target);
  if (schema === undefined) {
    throw new CdcError('CDC_NOT_INITIALIZED', `Verifying ${source.table}: it has no snapshot yet.`);
  }
  const isRouted = router.rulesOf(source) !== undefined;
  const routed = isRouted ? routedRows(router, source, schema) : undefined;
  return verifyTable({ ...setup, schema, loadedPast, ...(routed && { routed }) });
}

/** Schemas of the source's tables, which may be named as they are there or as they are in the warehouse. */
function wantedSchemas(
  log: ChangeLog,
  router: Router,
  options: VerifyOptions,
  stopped: readonly StoppedTable[],
): TableSchema[] {
  const matcher = options.tables && parseTablePatterns(options.tables);
  const schemas = [...sourceSchemas(log).values()]
    .filter(
      ({ table }) =>
        matcher === undefined || matcher.matches(table) || matcher.matches(router.tableOf(table)),
    )
    .filter(({ table }) => !stopped.some((other) => other.table === table))
    .sort((left, right) => left.table.localeCompare(right.table));
  if (schemas.length === 0 && options.tables !== undefined) {
    throw new CdcError(
      'CDC_TABLE_NOT_FOUND',
      `Verifying: no captured table matches ${options.tables.join(', ')}.`,
    );
  }
  return schemas;
}
