import type { Problem } from '../../errors.ts';
import { type ParsedSql, parseSql } from '../text/sql-parser.ts';
import { layerNames, type ModelFile, problemAt } from './model-file.ts';
import { type TableReference, tableReferences } from './model-sql.ts';

/** A model with what it reads. */
export interface GraphModel {
  readonly model: ModelFile;
  readonly parsed: ParsedSql;
  readonly references: readonly TableReference[];
}

/** Models in an order in which each comes after those it reads; models of a cycle are left out. */
export function orderModels(models: readonly ModelFile[]): {
  ordered: GraphModel[];
  problems: Problem[];
} {
  const names = new Set(models.map(({ name }) => name));
  const problems: Problem[] = [];
  const waiting = models.map((model): GraphModel => {
    const parsed = parseSql(model.sql);
    const references = tableReferences(parsed);
    problems.push(...upwardReads(model, references));
    return { model, parsed, references };
  });
  const ordered: GraphModel[] = [];
  const done = new Set<string>();
  const isReady = ({ references }: GraphModel) =>
    references.every(({ name }) => !names.has(name) || done.has(name));
  for (let rest = waiting; rest.length > 0; ) {
    const ready = rest.filter(isReady);
    if (ready.length === 0) {
      problems.push(...rest.map((left) => cycleProblem(left, names, done)));
      break;
    }
    for (const each of ready) done.add(each.model.name);
    ordered.push(...ready);
    rest = rest.filter((each) => !ready.includes(each));
  }
  return { ordered, problems };
}

function upwardReads(model: ModelFile, references: readonly TableReference[]): Problem[] {
  const own = layerNames.indexOf(model.layer);
  return references.flatMap(({ name, start }) => {
    const layer = layerNames.findIndex((candidate) => name.startsWith(`${candidate}.`));
    if (layer <= own) return [];
    const message = `${model.name} reads ${name}, which lies above it. Layers read downwards: ${layerNames.join(' < ')}.`;
    return [problemAt(model.file, model.sql, start, message)];
  });
}

function cycleProblem(left: GraphModel, names: Set<string>, done: Set<string>): Problem {
  const reference = left.references.find(({ name }) => names.has(name) && !done.has(name));
  const message = `${left.model.name} reads ${reference?.name}, which in the end reads ${left.model.name} again or a model that does.`;
  return problemAt(left.model.file, left.model.sql, reference?.start ?? 0, message);
}
