import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openCatalog } from '../catalog/lmdb-catalog.ts';
import type { TableSchema } from '../change/table-schema.ts';
import type { ProjectConfig } from '../config/project-config.ts';
import { openEngine } from '../engine/clickhouse-engine.ts';
import { clickhouseType } from '../engine/column-type.ts';
import { CdcError, type Problem } from '../errors.ts';
import { type CapturedTable, LineageGraph, placeOf } from '../layers/lineage/lineage-graph.ts';
import { type TracedModel, traceModels } from '../layers/lineage/lineage-models.ts';
import {
  type LineagePart,
  type LineageSelection,
  selectEdges,
} from '../layers/lineage/lineage-part.ts';
import { type LineagePlaces, openLineageEvents } from '../layers/lineage/open-lineage.ts';
import { type ModelFile, readModels } from '../layers/model/model-file.ts';
import type { SqlEngine } from '../layers/sql-engine.ts';
import { nearestName } from '../lib/nearest-name.ts';
import type { Logger } from '../ops/logger.ts';
import { openSource } from './compose.ts';
import { openLog } from './open-log.ts';
import { openRouter } from './open-router.ts';
import { sourceSchemas } from './routed-tables.ts';

export interface LineageReport extends LineagePart {
  /** What is wrong with the models, as `layers plan` says it. */
  readonly problems: readonly Problem[];
}

/** Everything about the lineage of a project. */
export interface ProjectLineage {
  readonly graph: LineageGraph;
  readonly models: readonly TracedModel[];
  readonly problems: readonly Problem[];
  readonly files: readonly ModelFile[];
  readonly tables: ReadonlyMap<string, readonly { name: string; type: string }[]>;
  readonly captured: readonly CapturedTable[];
}

/** Where columns come from and where they go. Throws CDC_USAGE for a table or column that there is none of. */
export async function readLineage(
  config: ProjectConfig,
  logger: Logger,
  request: LineageRequest,
): Promise<LineageReport> {
  return await withLineage(config, logger, async (project) => lineageReport(project, request));
}

/** A selection in a person's words: `shop.students`, `shop.students.city`; everything without a name. */
export interface LineageRequest extends Pick<LineageSelection, 'up' | 'down' | 'depth'> {
  readonly name?: string;
}

/** The same as OpenLineage events, one for each captured table and each model. */
export async function readOpenLineage(
  config: ProjectConfig,
  logger: Logger,
  request: LineageRequest,
): Promise<object[]> {
  return await withLineage(config, logger, async (project) => {
    const { tables, edges } = lineageReport(project, request);
    const sqlOf = (name: string) =>
      project.models.find(({ model }) => model.name === name)?.model.sql;
    const eventTime = new Date().toISOString();
    const stamp = { eventTime, producer: 'https://www.npmjs.com/package/strata-cdc' };
    return openLineageEvents({ tables, edges, sqlOf }, placesOf(config), stamp);
  });
}

function placesOf({ name, source, warehouse }: ProjectConfig): LineagePlaces {
  const kafka = () => (source.type === 'kafka' ? source.brokers[0] : '');
  return {
    jobs: name,
    source:
      source.type === 'mysql' ? `mysql://${source.host}:${source.port}` : `kafka://${kafka()}`,
    warehouse:
      warehouse.type === 'embedded'
        ? `clickhouse://${name}`
        : `clickhouse://${new URL(warehouse.url).host}`,
  };
}

export function lineageReport(project: ProjectLineage, request: LineageRequest): LineageReport {
  const { graph, models, problems } = project;
  const { name, ...rest } = request;
  const { table: chosen, column }: Partial<LineageName> =
    name === undefined ? {} : splitName(graph, name);
  // All columns of a table with everything behind them are more than anybody reads.
  const steps = chosen !== undefined && column === undefined ? { depth: 1 } : {};
  const selection: LineageSelection = {
    ...steps,
    ...rest,
    ...(chosen === undefined ? {} : { table: chosen }),
    ...(column === undefined ? {} : { column }),
  };
  const part = selectEdges(graph, selection);
  const names = new Set(part.tables.map(({ name }) => name));
  const doubts = models.flatMap((traced) =>
    names.has(traced.model.name)
      ? traced.lineage.doubts.map((doubt) => describe(traced, doubt))
      : [],
  );
  const table = chosen === undefined ? undefined : graph.table(chosen);
  const start = table && { kind: table.kind, table: table.name, ...(column ? { column } : {}) };
  return { ...(start ? { start } : {}), ...part, doubts, problems };
}

function describe(traced: TracedModel, { message, at }: { message: string; at: number }) {
  return { model: traced.model.name, message, at, where: placeOf(traced, at) };
}

interface LineageName {
  readonly table: string;
  readonly column?: string;
}

/** `shop.students.city` as a table and a column of it; the table alone when that is one. Throws CDC_USAGE. */
export function splitName(graph: LineageGraph, name: string): LineageName {
  if (graph.table(name) !== undefined) return { table: name };
  const [database = '', table = '', ...rest] = name.split('.');
  const column = rest.join('.');
  const short = `${database}.${table}`;
  assertKnown(graph, short, column === '' ? undefined : column);
  return { table: short, ...(column === '' ? {} : { column }) };
}

function assertKnown(graph: LineageGraph, name: string, column: string | undefined): void {
  const table = graph.table(name);
  if (table === undefined) {
    const near = nearestName(
      name,
      graph.tables.map((each) => each.name),
    );
    throw new CdcError('CDC_USAGE', `There is no table or model ${name}.`, {
      remedy: near ? `Did you mean ${near}?` : '`cdc layers lineage` lists them all.',
    });
  }
  const names = table.columns.map((each) => each.name);
  if (column === undefined || names.includes(column)) return;
  const near = nearestName(column, names);
  throw new CdcError('CDC_USAGE', `${name} has no column ${column}.`, {
    remedy: near ? `Did you mean ${name}.${near}?` : `It has: ${names.join(', ')}.`,
  });
}

/** Reads the project's files, and its tables from the log, or from the source when nothing is captured yet. */
export async function withLineage<T>(
  config: ProjectConfig,
  logger: Logger,
  work: (project: ProjectLineage, engine: SqlEngine) => Promise<T>,
): Promise<T> {
  const folder = join(config.folder, config.layers.folder);
  const { models: files, problems } = await readModels(folder);
  const known = await readSchemas(config, logger);
  const router = openRouter(config);
  const captured = known.sources.map((schema) => {
    const target = router.tableOf(schema.table);
    return capturedTable(schema, target, router.explain(schema).columns);
  });
  const tables = new Map(
    [...known.tables].map(([table, { columns }]) => {
      return [
        table,
        columns.map((column) => ({ name: column.name, type: clickhouseType(column) })),
      ];
    }),
  );
  return await withEngine(config, logger, known.isInitialized, async (engine) => {
    const traced = await traceModels(files, { engine, tables });
    const { models } = traced;
    const graph = new LineageGraph({ models, tables, captured });
    const all = [...problems, ...traced.problems, ...models.flatMap((model) => model.problems)];
    return await work({ graph, models, problems: all, files, tables, captured }, engine);
  });
}

interface KnownSchemas {
  readonly isInitialized: boolean;
  /** As they are in the source. */
  readonly sources: readonly TableSchema[];
  /** After the rules. */
  readonly tables: ReadonlyMap<string, TableSchema>;
}

async function readSchemas(config: ProjectConfig, logger: Logger): Promise<KnownSchemas> {
  try {
    await using catalog = openCatalog(join(config.stateFolder, 'catalog'), { readOnly: true });
    await using log = await openLog(config, catalog, logger);
    const tables = log.schemas();
    if (tables.size > 0) {
      return { isInitialized: true, sources: [...sourceSchemas(log).values()], tables };
    }
  } catch (error) {
    if (!(error instanceof CdcError) || error.code !== 'CDC_NOT_INITIALIZED') throw error;
  }
  await using source = openSource(config, logger);
  const sources = await source.tables();
  return { isInitialized: false, sources, tables: openRouter(config).tables(sources) };
}

/** The project's engine, or before `cdc init` one on an empty folder, so that no trace is left. */
async function withEngine<T>(
  { warehouse, stateFolder }: ProjectConfig,
  logger: Logger,
  isInitialized: boolean,
  work: (engine: SqlEngine) => Promise<T>,
): Promise<T> {
  if (isInitialized) {
    await using engine = await openEngine(warehouse, { stateFolder, logger });
    return await work(engine);
  }
  const trial = await mkdtemp(join(tmpdir(), 'cdc-lineage-'));
  try {
    const embedded = { type: 'embedded', port: 0 } as const;
    await using engine = await openEngine(embedded, { stateFolder: trial, logger });
    return await work(engine);
  } finally {
    await rm(trial, { recursive: true, force: true, maxRetries: 5 });
  }
}

function capturedTable(
  { table, columns }: TableSchema,
  target: string,
  planned: readonly {
    readonly index: number;
    readonly column: { readonly name: string };
    readonly action: { readonly kind: string };
  }[],
): CapturedTable {
  return {
    source: table,
    target,
    sourceColumns: columns.map(({ name, sourceType }) => ({ name, type: sourceType })),
    columns: planned.map(({ index, column, action }) => ({
      from: columns[index]?.name ?? column.name,
      to: column.name,
      influence: action.kind === 'copy' ? 'identity' : 'transformation',
      ...(action.kind === 'mask' || action.kind === 'hash' ? { isMasked: true } : {}),
    })),
  };
}
