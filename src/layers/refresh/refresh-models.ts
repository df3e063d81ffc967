import type { ModelRecord } from '../layer-state.ts';
import type { CompiledModel } from '../model/model-compiler.ts';
import type { CutChanges } from './cut-changes.ts';
import { idleRun, type ModelRefresher, type ModelRun } from './model-refresher.ts';
import { runInOrder } from './run-in-order.ts';

export interface RefreshSubject {
  readonly compiled: CompiledModel;
  readonly record: ModelRecord;
  readonly changes: CutChanges;
  /** Not now: it stays as it is, and so do those that read it. */
  readonly isLeft: boolean;
}

export interface ModelsRefreshed {
  readonly runs: ReadonlyMap<string, ModelRun>;
  /** Models that are not at the cut now, because they or what they read were left. */
  readonly left: ReadonlySet<string>;
}

/** Refreshes models after those they read. Readers of a stopped model stop with it, readers of one that is left are left, too. */
export async function refreshModels(
  refresher: ModelRefresher,
  subjects: readonly RefreshSubject[],
): Promise<ModelsRefreshed> {
  const stopped = new Set<string>();
  const left = new Set<string>();
  const runs = await runInOrder(subjects.map(named), async ({ subject }) => {
    const { compiled, record, changes, isLeft } = subject;
    const { name } = record;
    const run = await runOne();
    if (run.record.error !== undefined) stopped.add(name);
    if (run.report.strategy === 'deferred') left.add(name);
    return run;

    function runOne(): ModelRun | Promise<ModelRun> {
      if (record.error !== undefined) return idleRun(record);
      const missing = compiled.reads.find((read) => stopped.has(read));
      if (missing !== undefined) {
        return idleRun({ ...record, error: `It reads ${missing}, which has stopped.` }, 'failed');
      }
      // Rows of a model that is left now come with builds of their own later: who reads it must remember since when.
      if (compiled.reads.some((read) => left.has(read))) return idleRun(record, 'deferred');
      const hasNews =
        record.at !== undefined || compiled.reads.some((read) => changes.hasChanged(read));
      if (isLeft) return idleRun(record, hasNews ? 'deferred' : 'none');
      return refresher.run(subject);
    }
  });
  return { runs, left };
}

function named(subject: RefreshSubject) {
  const { record, compiled } = subject;
  return { name: record.name, reads: compiled.reads, subject };
}
