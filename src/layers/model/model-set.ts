import type { TableId } from '../../change/table-id.ts';
import type { TableSchema } from '../../change/table-schema.ts';
import type { Problem } from '../../errors.ts';
import { compileAudits } from '../audit/compile-audits.ts';
import type { Omission } from '../node/maintained-node.ts';
import type { SqlEngine } from '../sql-engine.ts';
import { type CompiledModel, ModelCompiler } from './model-compiler.ts';
import { type ModelFile, problemAt } from './model-file.ts';
import { orderModels } from './model-graph.ts';
import { judgeModel } from './model-judge.ts';
import { type OdsCatalog, readOdsCatalog } from './ods-catalog.ts';
import type { TypedColumn } from './relation.ts';
import { unknownSettings } from './table-settings.ts';

/** Models that belong together, compiled as far as they are right. */
export interface ModelSet {
  /** In order of dependency. */
  readonly compiled: readonly CompiledModel[];
  /** Why a model is not among them. */
  readonly failed: ReadonlyMap<string, readonly Problem[]>;
  /** Problems of the whole: upward reads and cycles. */
  readonly problems: readonly Problem[];
  /** The tables that they were compiled for. */
  readonly ods: OdsCatalog;
}

export interface CompileOptions {
  readonly engine: SqlEngine;
  readonly schemas: ReadonlyMap<TableId, TableSchema>;
  readonly storageOf: (model: string, fingerprint: string) => string;
  readonly omit?: Omission;
}

export async function compileModels(
  models: readonly ModelFile[],
  options: CompileOptions,
): Promise<ModelSet> {
  const { engine, schemas, storageOf, omit } = options;
  const { ordered, problems } = orderModels(models);
  const ods = await readOdsCatalog(engine, schemas);
  const tables = [...models.map(({ name }) => name), ...ods.names()];
  const compiler = new ModelCompiler({
    judge: (graph, lookup) => judgeModel(graph, { engine, lookup, tables }),
    describe: (sql) => engine.rows<TypedColumn>(`DESCRIBE TABLE (${sql}\n)`),
    isAggregate: await aggregateTest(engine),
    ods,
    modelNames: models.map(({ name }) => name),
    storageOf,
    ...(omit ? { omit } : {}),
  });
  const compiled: CompiledModel[] = [];
  const lookup = (name: string) =>
    compiled.find(({ model }) => model.name === name)?.relation ?? ods.relation(name);
  const failed = new Map<string, readonly Problem[]>();
  for (const graph of ordered) {
    // What is wrong with a model is said once, not again for each of its readers.
    if (graph.references.some(({ name }) => failed.has(name))) {
      failed.set(graph.model.name, []);
      continue;
    }
    const result = await compiler.compile(graph);
    if (Array.isArray(result)) {
      failed.set(graph.model.name, result);
      continue;
    }
    const below = upstreamOf(result, compiled);
    const isReadable = (name: string) => ods.relation(name) !== undefined || below.has(name);
    const given = { engine, lookup, tables, isReadable };
    const { audits, problems: wrongAudits } = await compileAudits(result, given);
    const { name, file, sql, header } = graph.model;
    const wrongSettings = (await unknownSettings(header.settings, engine)).map(
      ({ offset, message }) => problemAt(file, sql, offset, message),
    );
    const mistakes = [...wrongSettings, ...wrongAudits];
    if (mistakes.length > 0) failed.set(name, mistakes);
    else compiled.push({ ...result, audits });
  }
  return { compiled, failed, problems, ods };
}

/** Models that it reads, directly or through others. */
function upstreamOf({ reads }: CompiledModel, models: readonly CompiledModel[]): Set<string> {
  const names = new Set(reads);
  for (const name of names) {
    const model = models.find((each) => each.model.name === name);
    for (const below of model?.reads ?? []) names.add(below);
  }
  return names;
}

const aggregateNames = new WeakMap<SqlEngine, Promise<Set<string>>>();
const combinators =
  /(If|Array|Map|Distinct|OrDefault|OrNull|ForEach|Resample|ArgMin|ArgMax|State|SimpleState|Merge|MergeState)$/;

/** Whether a function name means an aggregate, also with combinators such as `sumIfOrNull`. */
export async function aggregateTest(engine: SqlEngine): Promise<(name: string) => boolean> {
  const loading = aggregateNames.get(engine) ?? loadAggregateNames(engine);
  aggregateNames.set(engine, loading);
  const names = await loading;
  const isAggregate = (name: string): boolean =>
    names.has(name.toLowerCase()) ||
    (combinators.test(name) && isAggregate(name.replace(combinators, '')));
  return isAggregate;
}

async function loadAggregateNames(engine: SqlEngine): Promise<Set<string>> {
  const sql = 'SELECT lower(name) AS name FROM system.functions WHERE is_aggregate';
  try {
    const rows = await engine.rows<{ name: string }>(sql);
    return new Set(rows.map(({ name }) => name));
  } catch (error) {
    aggregateNames.delete(engine);
    throw error;
  }
}
