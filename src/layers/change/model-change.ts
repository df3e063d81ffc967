import { CdcError } from '../../errors.ts';
import type { ModelRecord } from '../layer-state.ts';
import type { CompiledModel } from '../model/model-compiler.ts';
import { readyModels } from '../model/ready-models.ts';
import { describeChange } from './change-class.ts';
import type { ChangedModel } from './layer-history.ts';
import type { PlanInput } from './plan-models.ts';

/** What it takes to come from the models that are built to those of the files. */
export interface ModelChange {
  /** All models afterwards, in order of dependency. */
  readonly all: readonly CompiledModel[];
  /** Those that get new tables. */
  readonly made: readonly CompiledModel[];
  /** Records that only say something else: comments, spelling, another name. */
  readonly kept: readonly ModelRecord[];
  readonly removed: readonly ModelRecord[];
  readonly models: readonly Omit<ChangedModel, 'rows'>[];
}

/** `ready`: only models all of whose tables are there; the others wait for a snapshot to finish. */
export function planChange(input: PlanInput, which: 'ready' | 'all' = 'ready'): ModelChange {
  const { records, files } = input;
  const all = which === 'all' ? input.compiled : readyModels(input.compiled, input.tables);
  const names = new Set(files.map(({ name }) => name));
  const isBuilt = ({ model, storage }: CompiledModel) => sourceOf(records, storage, model.name);
  const made = all.filter((compiled) => isBuilt(compiled) === undefined);
  const kept = all.flatMap((compiled) => {
    const record = isBuilt(compiled);
    return record === undefined ? [] : keptRecord(compiled, record);
  });
  const renamed = new Set(all.flatMap((compiled) => isBuilt(compiled)?.name ?? []));
  const removed = [...records.values()].filter(({ name }) => !names.has(name));
  const gone = removed.filter(({ name }) => !renamed.has(name));
  const models = [
    ...made.map((compiled) => {
      const { name } = compiled.model;
      const before = records.get(name);
      if (before === undefined) return { name, change: 'added' as const };
      const what = describeChange(before, compiled);
      return { name, change: 'changed' as const, what, before: before.storage };
    }),
    ...kept.flatMap(({ name }) => {
      const from = all.find(({ model }) => model.name === name);
      const old = from && isBuilt(from)?.name;
      return old === undefined || old === name
        ? []
        : { name, change: 'renamed' as const, what: `was ${old}` };
    }),
    ...gone.map(({ name, storage }) => ({ name, change: 'removed' as const, before: storage })),
  ];
  return { all, made, kept, removed, models };
}

/** The record whose tables a model has: its own, or that of a removed model which it is under another name. */
function sourceOf(
  records: ReadonlyMap<string, ModelRecord>,
  storage: string,
  name: string,
): ModelRecord | undefined {
  const own = records.get(name);
  if (own !== undefined) return own.storage === storage ? own : undefined;
  return [...records.values()].find((record) => record.storage === storage);
}

function keptRecord({ model }: CompiledModel, record: ModelRecord): ModelRecord[] {
  const { name, layer, sql, file } = model;
  if (record.name === name && record.sql === sql && record.file === file) return [];
  const nodeRows = Object.fromEntries(
    Object.entries(record.nodeRows).map(([node, rows]) => [
      name + node.slice(record.name.length),
      rows,
    ]),
  );
  return [{ ...record, name, layer, sql, file, nodeRows }];
}

/** Throws CDC_LAYERS_INVALID for problems that are the user's to mend; a model that its source has stopped is no such. */
export function assertApplicable({ files, failed, records, problems }: PlanInput): void {
  const mistakes = files.flatMap(({ name, sql }) => {
    return records.get(name)?.sql === sql ? [] : (failed.get(name) ?? []);
  });
  const all = [...problems, ...mistakes].filter(({ severity }) => severity === 'error');
  if (all.length === 0) return;
  const list = all.map(({ where, message }) => `${where} ${message}`).join('\n');
  throw new CdcError('CDC_LAYERS_INVALID', `The layer files have problems:\n${list}`);
}
