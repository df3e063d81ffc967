import { CdcError, type Problem } from '../../errors.ts';
import type { ModelFile } from '../model/model-file.ts';
import { type GraphModel, orderModels } from '../model/model-graph.ts';
import { isProblems, judgeModel } from '../model/model-judge.ts';
import { aggregateTest } from '../model/model-set.ts';
import type { Relation, TypedColumn } from '../model/relation.ts';
import type { SqlEngine } from '../sql-engine.ts';
import type { ParsedSql } from '../text/sql-parser.ts';
import { type ModelLineage, traceModel } from './model-lineage.ts';

/** A model with where its columns come from. */
export interface TracedModel {
  readonly model: ModelFile;
  readonly parsed: ParsedSql;
  readonly lineage: ModelLineage;
  /** Types are empty when the engine has not accepted the model. */
  readonly columns: readonly TypedColumn[];
  /** Tables and models it reads, that are known. */
  readonly reads: readonly string[];
  readonly problems: readonly Problem[];
  /** It reads a model that the engine does not accept. */
  readonly isBlocked: boolean;
}

export interface TraceModelsOptions {
  readonly engine: SqlEngine;
  /** Columns of the captured tables, as the warehouse has them or will have them. */
  readonly tables: ReadonlyMap<string, readonly TypedColumn[]>;
}

export interface TracedModels {
  /** In order of dependency. */
  readonly models: readonly TracedModel[];
  /** Upward reads and cycles; models of a cycle are left out. */
  readonly problems: readonly Problem[];
}

/** Works from the files: nothing needs to be built, and a model that is wrong is traced as far as it goes. */
export async function traceModels(
  files: readonly ModelFile[],
  options: TraceModelsOptions,
): Promise<TracedModels> {
  const { ordered, problems } = orderModels(files);
  const isAggregate = await aggregateTest(options.engine);
  const known = new Map(options.tables);
  const broken = new Set<string>();
  const models: TracedModel[] = [];
  for (const graph of ordered) {
    const { model, parsed, references } = graph;
    const reads = [...new Set(references.map(({ name }) => name))].filter((name) =>
      known.has(name),
    );
    const isBlocked = reads.some((name) => broken.has(name));
    const verdict = isBlocked ? [] : await judged(graph, known, options.engine);
    const wrong = isProblems(verdict) ? verdict : [];
    const typed = isProblems(verdict) ? [] : verdict;
    const lookup = (name: string) => {
      const columns = known.get(name)?.map((column) => column.name);
      return columns && { columns };
    };
    const outputs = typed.length > 0 ? { outputs: typed.map(({ name }) => name) } : {};
    const lineage = traceModel(parsed, { lookup, isAggregate, ...outputs });
    const columns = lineage.outputs.map(({ name }, index) => {
      return { name, type: typed[index]?.type ?? '' };
    });
    if (isBlocked || wrong.length > 0) broken.add(model.name);
    known.set(model.name, columns);
    models.push({ model, parsed, lineage, columns, reads, problems: wrong, isBlocked });
  }
  return { models, problems };
}

/** Enough of a relation for a statement over empty tables. */
function emptyRelation(name: string, columns: readonly TypedColumn[]): Relation {
  return { name, kind: 'table', physical: '', columns, key: [] };
}

async function judged(
  graph: GraphModel,
  known: ReadonlyMap<string, readonly TypedColumn[]>,
  engine: SqlEngine,
): Promise<TypedColumn[] | Problem[]> {
  const lookup = (name: string): Relation | undefined => {
    const columns = known.get(name);
    return columns && emptyRelation(name, columns);
  };
  try {
    return await judgeModel(graph, { engine, lookup, tables: [...known.keys()] });
  } catch (error) {
    if (!(error instanceof CdcError) || error.code !== 'CDC_ENGINE_REJECTED') throw error;
    return [];
  }
}
