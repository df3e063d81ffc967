import { CdcError } from '../../errors.ts';
import type { ModelRecord } from '../layer-state.ts';
import type { ChangedModel, LayerHistory } from './layer-history.ts';

export interface PlannedRollback {
  /** Records as they were, at the cut that their rows are of. */
  readonly restored: readonly ModelRecord[];
  /** Records of models that there were none of before. */
  readonly gone: readonly ModelRecord[];
  /** What is replaced or gone, to be kept for another rollback. */
  readonly replaced: readonly ModelRecord[];
  readonly models: readonly ChangedModel[];
}

/** What it takes to undo all changes from `number` on: for each model the version before the first of them. */
export function planRollback(
  history: LayerHistory,
  records: ReadonlyMap<string, ModelRecord>,
  number: number,
): PlannedRollback {
  const changes = history.changes();
  if (!changes.some((change) => change.number === number)) {
    const known = changes.map((change) => change.number).join(', ');
    throw new CdcError('CDC_USAGE', `Rolling back: there is no change ${number}.`, {
      remedy:
        known === ''
          ? 'Nothing has been applied yet.'
          : `There are ${known}: see \`cdc layers history\`.`,
    });
  }
  const firsts = new Map<string, ChangedModel>();
  for (const change of changes) {
    if (change.number < number) continue;
    for (const model of change.models) if (!firsts.has(model.name)) firsts.set(model.name, model);
  }
  const retired = history.retired();
  const restored: ModelRecord[] = [];
  const gone: ModelRecord[] = [];
  const models: ChangedModel[] = [];
  for (const [name, { before, change }] of firsts) {
    const current = records.get(name);
    if (change === 'renamed') {
      throw new CdcError(
        'CDC_USAGE',
        `Rolling back change ${number}: ${name} has only been renamed since.`,
        {
          remedy:
            'Give its file the old name back and run `cdc layers apply --yes`; nothing is rebuilt.',
        },
      );
    }
    if (before === undefined) {
      if (current !== undefined) gone.push(current);
      models.push({
        name,
        change: 'removed',
        rows: 0,
        ...(current && { before: current.storage }),
      });
      continue;
    }
    if (current?.storage === before) continue;
    const old = retired.get(before);
    if (old === undefined || old.isStale) {
      const why =
        old === undefined ? 'its tables are gone' : 'what has changed since is not known any more';
      throw new CdcError(
        'CDC_LAYERS_NOT_KEPT',
        `Rolling back change ${number}: ${name} cannot be put back, ${why}.`,
        {
          remedy: 'Take the old file from your version control and run `cdc layers apply --yes`.',
        },
      );
    }
    const { error: _, ...record } = old.record;
    restored.push({ ...record, at: old.at, isLeft: true });
    models.push({
      name,
      change: 'restored',
      rows: record.rows,
      ...(current && { before: current.storage }),
    });
  }
  const names = new Set(restored.map(({ name }) => name));
  const replaced = [...records.values()].filter(({ name }) => names.has(name));
  return { restored, gone, replaced: [...replaced, ...gone], models };
}
