import type { TableId } from '../../change/table-id.ts';
import type { Problem } from '../../errors.ts';
import { auditProblems, type BrokenAudit } from '../audit/layer-audits.ts';
import type { ModelRecord } from '../layer-state.ts';
import type { LayersPlan, PlannedModel } from '../layers.ts';
import { type LintOptions, lintModels } from '../model/lint.ts';
import type { ModelFile } from '../model/model-file.ts';
import { problemAt } from '../model/model-file.ts';
import type { ModelSet } from '../model/model-set.ts';
import { dropView, modelDdl } from '../refresh/node-storage.ts';
import type { BuildEstimates } from './build-estimate.ts';
import { planChange } from './model-change.ts';

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
export function planModels(input: PlanInput, estimates: BuildEstimates): LayersPlan {
  const { compiled, failed, files } = input;
  const change = planChange(input, 'all');
  const changed = new Map(change.models.map((model) => [model.name, model]));
  const read = new Set(compiled.flatMap(({ reads }) => reads));
  const kept = compiled.map((each): PlannedModel => {
    const { way, why, key, reads } = each;
    const { name, layer, file } = each.model;
    const { change: kind = 'unchanged', what } = changed.get(name) ?? {};
    const isMade = change.made.includes(each);
    return {
      ...{ name, layer, file, way, why, key, reads },
      change: kind === 'restored' ? 'changed' : kind,
      ...(what !== undefined && { what }),
      ...(isMade && { estimate: estimates.of(each) }),
      ddl: isMade ? modelDdl(each, read.has(name)) : [],
    };
  });
  const removed = change.removed.filter(({ name }) => changed.get(name)?.change === 'removed');
  const gone = removed.map(({ name, layer, file, way, why }): PlannedModel => {
    const ddl = [dropView(name)];
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
