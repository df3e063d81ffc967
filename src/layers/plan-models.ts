import type { TableId } from '../change/table-id.ts';
import type { Problem } from '../errors.ts';
import { auditProblems, type BrokenAudit } from './layer-audits.ts';
import type { ModelRecord } from './layer-state.ts';
import type { LayersPlan, PlannedModel } from './layers.ts';
import { type LintOptions, lintModels } from './lint.ts';
import type { ModelFile } from './model-file.ts';
import { problemAt } from './model-file.ts';
import type { ModelSet } from './model-set.ts';
import { dropTables, dropView, modelDdl } from './node-storage.ts';

/** The files as they are, beside what is built. */
export interface PlanInput extends ModelSet {
  readonly files: readonly ModelFile[];
  readonly records: ReadonlyMap<string, ModelRecord>;
  /** Tables with a finished snapshot. */
  readonly tables: ReadonlySet<TableId>;
  readonly isPublished?: LintOptions['isPublished'];
  /** Audits that only warn and have something to say. */
  readonly broken: readonly BrokenAudit[];
}

/** What `apply` would do with every model, and every problem of the files. */
export function planModels(input: PlanInput): LayersPlan {
  const { compiled, failed, files, records } = input;
  const read = new Set(compiled.flatMap(({ reads }) => reads));
  const kept = compiled.map((each): PlannedModel => {
    const record = records.get(each.model.name);
    const isSame = record?.fingerprint === each.fingerprint && !record.error;
    const { way, why, key, reads } = each;
    const { name, layer, file } = each.model;
    const change = record === undefined ? 'added' : isSame ? 'unchanged' : 'changed';
    return {
      name,
      layer,
      file,
      change,
      way,
      why,
      key,
      reads,
      ddl: isSame ? [] : modelDdl(each, read.has(name)),
    };
  });
  const names = new Set(files.map(({ name }) => name));
  const removed = [...records.values()].filter(({ name }) => !names.has(name));
  const gone = removed.map((record): PlannedModel => {
    const { name, layer, file, way, why } = record;
    const ddl = [dropView(name), ...dropTables(record)];
    return { name, layer, file, change: 'removed', way, why, key: [], reads: [], ddl };
  });
  const mistakes = [...input.problems, ...[...failed.values()].flat()];
  const hints = [...waiting(input), ...auditProblems(input.broken), ...lintModels(files, input)];
  const problems = [...mistakes, ...hints];
  return { models: [...kept, ...gone], problems };
}

function waiting({ compiled, tables }: PlanInput): Problem[] {
  const models = new Set(compiled.map(({ model }) => model.name));
  return compiled.flatMap(({ model, reads }) => {
    const missing = reads.filter((name) => !tables.has(name) && !models.has(name));
    if (missing.length === 0) return [];
    const message = `${model.name} waits for the snapshot of ${missing.join(', ')}.`;
    return [{ ...problemAt(model.file, model.sql, 0, message), severity: 'warning' as const }];
  });
}
