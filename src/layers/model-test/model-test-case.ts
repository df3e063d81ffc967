import { CdcError } from '../../errors.ts';
import { quoteNames } from '../text/sql-text.ts';
import { compareRows, type RowComparison } from './model-test-compare.ts';
import type { Expectation, ModelTestCase, ModelTestStep } from './model-test-file.ts';
import type { TableWrite } from './model-test-rows.ts';
import type { ModelTestWorld } from './model-test-world.ts';

export interface TestedCase {
  readonly file: string;
  readonly name: string;
  /** `file:line:column`. */
  readonly where: string;
  readonly ms: number;
  /** Steps that were as expected, `given` included. */
  readonly steps: number;
  /** A case ends at its first step that is not as expected. */
  readonly failure?: CaseFailure;
}

export interface CaseFailure {
  readonly step: string;
  readonly where: string;
  readonly models: readonly ModelFailure[];
}

/**
 * What is wrong with one model:
 * - `rows`: it shows other rows than expected, or in another order;
 * - `unequal`: what it stores is not what its SELECT gives, so the fault lies in cdc and not in the model;
 * - `stopped`: the engine refused to compute it, or its rows break its declared key or an audit.
 */
export type ModelFailure =
  | ({ readonly kind: 'rows'; readonly model: string; readonly where: string } & RowComparison)
  | { readonly kind: 'unequal'; readonly model: string; readonly keys: readonly string[] }
  | { readonly kind: 'stopped'; readonly model: string; readonly reason: string };

/** Runs the steps over empty tables, up to the first that is not as expected. */
export async function runCase(
  { steps }: ModelTestCase,
  writes: readonly (readonly TableWrite[])[],
  world: ModelTestWorld,
): Promise<Pick<TestedCase, 'steps' | 'failure'>> {
  for (const [index, step] of steps.entries()) {
    await world.write(writes[index] ?? []);
    await world.refresh();
    const failures = await failuresAt(step, world);
    // To recompute everything costs more than a step. A fault of a refresh stays, so the end shows it too.
    const isWhole = failures.length > 0 || index === steps.length - 1;
    const models = isWhole ? [...failures, ...(await faultsOf(world))] : failures;
    if (models.length === 0) continue;
    return { steps: index, failure: { step: step.name, where: step.where, models } };
  }
  return { steps: steps.length };
}

async function failuresAt(step: ModelTestStep, world: ModelTestWorld): Promise<ModelFailure[]> {
  const stopped = [...world.stopped()].map(([model, reason]): ModelFailure => {
    return { kind: 'stopped', model, reason };
  });
  if (stopped.length > 0) return stopped;
  const failures: ModelFailure[] = [];
  for (const expectation of step.expected) {
    const { model, where } = expectation;
    const comparison = await compareModel(expectation, world);
    if (comparison.differences.length === 0 && comparison.wrongOrder === undefined) continue;
    failures.push({ kind: 'rows', model, where, ...comparison });
  }
  return failures;
}

async function faultsOf(world: ModelTestWorld): Promise<ModelFailure[]> {
  if (world.stopped().size > 0) return [];
  const unequal = await world.unequal();
  return unequal.map(({ name, keys }) => ({ kind: 'unequal', model: name, keys }));
}

async function compareModel(
  expectation: Expectation,
  world: ModelTestWorld,
): Promise<RowComparison> {
  const { model: name, ordered, where } = expectation;
  const model = world.models.find((each) => each.name === name);
  if (model === undefined) throw new CdcError('CDC_INTERNAL', `${name} was not built.`);
  if (ordered === false) return compareRows(expectation, await world.rows(name), model);
  const byKey = model.key.length > 0 ? quoteNames(model.key) : 'ALL';
  const orderBy = ordered === true ? byKey : ordered;
  try {
    return compareRows(expectation, await world.rows(name, orderBy), model);
  } catch (error) {
    if (!(error instanceof CdcError) || error.code !== 'CDC_ENGINE_REJECTED') throw error;
    const message = `${where} ${name} cannot be ordered by ${orderBy}: ${error.message}`;
    throw new CdcError('CDC_LAYERS_INVALID', message, { cause: error });
  }
}
