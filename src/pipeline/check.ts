import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MemoryCatalog } from '../catalog/memory-catalog.ts';
import type { TableSchema } from '../change/table-schema.ts';
import type { ProjectConfig } from '../config/project-config.ts';
import { openEngine } from '../engine/clickhouse-engine.ts';
import { enginePaths } from '../engine/engine-file.ts';
import { CdcError, type Problem } from '../errors.ts';
import { readModels } from '../layers/model/model-file.ts';
import { findProcessLock } from '../lib/process-lock.ts';
import { ClickhouseOds } from '../load/clickhouse/clickhouse-ods.ts';
import type { Logger } from '../ops/logger.ts';
import { checkLog } from './check-log.ts';
import { checkRoutes } from './check-routes.ts';
import { checkSinks } from './check-sinks.ts';
import { openProjectLayers, openSource } from './compose.ts';
import { openRouter } from './open-router.ts';

export interface CheckReport {
  readonly source: { readonly server: string; readonly version: string } | null;
  readonly warehouse: { readonly version: string } | null;
  readonly tables: number;
  readonly problems: readonly Problem[];
}

/** Connects to everything the project names and reports every problem at once; changes nothing. */
export async function checkProject(config: ProjectConfig, logger: Logger): Promise<CheckReport> {
  const problems: Problem[] = [];
  const note = (error: unknown, where: string) => problems.push(problemOf(error, where));
  const source = await checkSource(config, logger, problems).catch((error) => {
    note(error, 'source');
    return undefined;
  });
  const warehouse = await checkWarehouse(config, logger).catch((error) => {
    note(error, 'warehouse');
    return null;
  });
  const schemas = source?.schemas ?? [];
  if (source !== undefined) problems.push(...(await checkRoutes(config, schemas)));
  await checkLog(config, schemas, logger).then(
    (found) => problems.push(...found),
    (error) => note(error, 'log'),
  );
  const tables = [...openRouter(config).tables(schemas).values()];
  problems.push(...(await checkModels(config, tables, logger)));
  problems.push(...(await checkSinks(config, tables, logger)));
  return {
    source: source?.server ?? null,
    warehouse,
    tables: schemas.length,
    problems,
  };
}

/**
 * Lets an engine judge the models over empty tables as they are after the rules: one on an empty folder, so
 * that a check leaves no trace and needs no snapshot. Without a source only their form can be read.
 */
async function checkModels(
  config: ProjectConfig,
  schemas: readonly TableSchema[],
  logger: Logger,
): Promise<readonly Problem[]> {
  const { models, problems } = await readModels(join(config.folder, config.layers.folder));
  if (models.length === 0 || schemas.length === 0) return problems;
  const stateFolder = await mkdtemp(join(tmpdir(), 'cdc-check-'));
  try {
    await using engine = await openEngine({ type: 'embedded', port: 0 }, { stateFolder, logger });
    const ods = new ClickhouseOds(engine);
    for (const schema of schemas) {
      const { table } = schema;
      await ods.applySchema({ kind: 'schema', table, schema, existingRows: 'keep', version: 0n });
    }
    const tables = () => new Map(schemas.map((schema) => [schema.table, schema]));
    const catalog = new MemoryCatalog();
    const layers = await openProjectLayers(config, { engine, catalog, tables, logger });
    return (await layers.plan()).problems;
  } finally {
    await rm(stateFolder, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function checkSource(config: ProjectConfig, logger: Logger, problems: Problem[]) {
  await using source = openSource(config, logger);
  const server = await source.describe();
  problems.push(...(await source.preflight()));
  const schemas = await source.tables().catch(() => []);
  return { server, schemas };
}

async function checkWarehouse(config: ProjectConfig, logger: Logger): Promise<{ version: string }> {
  // An embedded engine that runs is asked. Otherwise one is tried on an empty folder, so that a
  // check leaves no trace in the project.
  const isTrial =
    config.warehouse.type === 'embedded' &&
    findProcessLock(enginePaths(config.stateFolder).lock) === undefined;
  const trial = isTrial ? await mkdtemp(join(tmpdir(), 'cdc-check-')) : undefined;
  try {
    await using engine = await openEngine(config.warehouse, {
      stateFolder: trial ?? config.stateFolder,
      logger,
    });
    return { version: await engine.version() };
  } finally {
    if (trial !== undefined) await rm(trial, { recursive: true, force: true, maxRetries: 5 });
  }
}

function problemOf(error: unknown, where: string): Problem {
  if (!(error instanceof CdcError)) throw error;
  return {
    code: error.code,
    where,
    message: error.message,
    remedy: error.remedy,
    severity: 'error',
  };
}
