import type { Query, SelectQuery } from './query.ts';
import type { FuzzModel, Scenario, Step } from './scenario.ts';
import type { Failure } from './scenario-run.ts';

/** Runs a scenario to its first failure. */
export type Attempt = (scenario: Scenario) => Promise<Failure | undefined>;

/**
 * Makes a failing scenario smaller as long as it fails in the same way: rounds, kills and edits, models,
 * changes, tables, then parts of the models' queries. What a candidate leaves invalid fails in another
 * way and is not taken. Ends at a smallest one, or when the time is up.
 */
export async function shrink(
  scenario: Scenario,
  failure: Failure,
  options: { attempt: Attempt; deadline: number; mostAttempts?: number },
): Promise<{ scenario: Scenario; failure: Failure; attempts: number }> {
  const { deadline, mostAttempts = Number.POSITIVE_INFINITY } = options;
  let best = { scenario: cutAfter(scenario, failure.round), failure };
  let attempts = 0;
  let hasShrunk = true;
  const tryOne = async (candidate: Scenario): Promise<boolean> => {
    attempts += 1;
    const found = await options.attempt(candidate);
    if (found === undefined || !isSame(found, failure)) return false;
    best = { scenario: cutAfter(candidate, found.round), failure: found };
    return true;
  };
  while (hasShrunk) {
    hasShrunk = false;
    for (const reduction of reductions) {
      let isTaken = true;
      while (isTaken) {
        isTaken = false;
        for (const candidate of reduction(best.scenario)) {
          const isOver = performance.now() > deadline || attempts >= mostAttempts;
          if (isOver) return { ...best, attempts };
          if (!(await tryOne(candidate))) continue;
          isTaken = true;
          hasShrunk = true;
          break;
        }
      }
    }
  }
  return { ...best, attempts };
}

function isSame(found: Failure, wanted: Failure): boolean {
  if (found.kind !== wanted.kind) return false;
  if (found.kind === 'wrong' || found.kind === 'verify') return true;
  return signature(found.message) === signature(wanted.message);
}

/** The message without names and numbers. */
function signature(message: string): string {
  return message.replaceAll(/[`'"][^`'"]*[`'"]|[\w.]*\d[\w.]*/g, '_').slice(0, 40);
}

function cutAfter(scenario: Scenario, round: number): Scenario {
  return { ...scenario, steps: scenario.steps.slice(0, round) };
}

type Reduction = (scenario: Scenario) => Iterable<Scenario>;

const reductions: readonly Reduction[] = [
  function* steps(scenario) {
    for (const list of without(scenario.steps)) yield { ...scenario, steps: list };
  },
  function* models(scenario) {
    for (const list of without(scenario.models)) yield { ...scenario, models: list };
  },
  function* partsOfSteps(scenario) {
    for (const [index, step] of scenario.steps.entries()) {
      const put = (changed: Partial<Step>): Scenario => {
        const next = { ...step, ...changed };
        return { ...scenario, steps: scenario.steps.with(index, next) };
      };
      if (step.kills.length > 0) yield put({ kills: [] });
      for (const kills of without(step.kills)) yield put({ kills });
      for (const edits of without(step.edits)) yield put({ edits });
      for (const [at, kill] of step.kills.entries()) {
        if (kill.changes.length === 0) continue;
        yield put({ kills: step.kills.with(at, { ...kill, changes: [] }) });
      }
      if (step.hasMerge) yield put({ hasMerge: false });
      if (step.hasRestart) yield put({ hasRestart: false });
      if (step.isSeparate) yield put({ isSeparate: false });
      for (const changes of without(step.changes)) yield put({ changes });
    }
  },
  function* fill(scenario) {
    for (const list of without(scenario.fill)) yield { ...scenario, fill: list };
  },
  function* queries(scenario) {
    for (const [index, model] of scenario.models.entries()) {
      for (const smaller of smallerModels(model)) {
        yield { ...scenario, models: scenario.models.with(index, smaller) };
      }
    }
  },
  function* tables(scenario) {
    for (const name of Object.keys(scenario.tables)) {
      const { [name]: _, ...rest } = scenario.tables;
      yield { ...withoutTable(scenario, name), tables: rest };
    }
  },
  function* columns(scenario) {
    for (const [name, table] of Object.entries(scenario.tables)) {
      for (const column of Object.keys(table.columns)) {
        if (table.key.includes(column)) continue;
        const { [column]: _, ...rest } = table.columns;
        yield { ...scenario, tables: { ...scenario.tables, [name]: { ...table, columns: rest } } };
      }
    }
  },
  function* refused(scenario) {
    if (scenario.refused.length > 0) yield { ...scenario, refused: [] };
  },
  function* options(scenario) {
    for (const name of Object.keys(scenario.options)) {
      const { [name as keyof Scenario['options']]: _, ...rest } = scenario.options;
      yield { ...scenario, options: rest };
    }
  },
];

/** The list without its halves, quarters, ..., at last without each single element. */
function* without<T>(list: readonly T[]): Generator<T[]> {
  for (let size = list.length; size >= 1; size = Math.floor(size / 2)) {
    for (let start = 0; start < list.length; start += size) {
      yield [...list.slice(0, start), ...list.slice(start + size)];
    }
  }
}

function withoutTable(scenario: Scenario, name: string): Scenario {
  const keep = <T extends { table: string }>(changes: readonly T[]) => {
    return changes.filter(({ table }) => table !== name);
  };
  const steps = scenario.steps.map((step) => {
    const kills = step.kills.map((kill) => ({ ...kill, changes: keep(kill.changes) }));
    return { ...step, changes: keep(step.changes), kills };
  });
  return { ...scenario, fill: keep(scenario.fill), steps };
}

function* smallerModels(model: FuzzModel): Generator<FuzzModel> {
  const { key, ...keyless } = model;
  if (key !== undefined) yield keyless;
  for (const query of smallerQueries(model.query)) yield { ...model, query };
}

function* smallerQueries(query: Query): Generator<Query> {
  if (query.kind === 'select') {
    yield* smallerSelects(query);
    return;
  }
  yield* query.branches;
  for (const branches of without(query.branches)) {
    if (branches.length > 1) yield { ...query, branches };
  }
  for (const [index, branch] of query.branches.entries()) {
    for (const smaller of smallerSelects(branch)) {
      yield { ...query, branches: query.branches.with(index, smaller) };
    }
  }
}

function* smallerSelects(select: SelectQuery): Generator<SelectQuery> {
  const { limit, limitBy, ...rest } = select;
  const lists = ['where', 'having', 'qualify', 'items', 'groupBy', 'from', 'ctes'] as const;
  for (const name of lists) {
    for (const list of without<unknown>(select[name])) {
      const isNeeded = name === 'items' || name === 'from';
      if (!isNeeded || list.length > 0) yield { ...select, [name]: list } as SelectQuery;
    }
  }
  if (select.isDistinct) yield { ...select, isDistinct: false };
  if (limit !== undefined) yield limitBy ? { ...rest, limitBy } : rest;
  if (limitBy !== undefined)
    yield { ...rest, orderBy: [], ...(limit === undefined ? {} : { limit }) };
  for (const [index, source] of select.from.entries()) {
    const put = (changed: SelectQuery['from'][number]) => {
      return { ...select, from: select.from.with(index, changed) };
    };
    if (source.on.length > 1)
      for (const on of without(source.on)) if (on.length > 0) yield put({ ...source, on });
    if (typeof source.source === 'string') continue;
    for (const smaller of smallerQueries(source.source)) yield put({ ...source, source: smaller });
  }
  for (const [index, { name, query }] of select.ctes.entries()) {
    for (const smaller of smallerQueries(query)) {
      yield { ...select, ctes: select.ctes.with(index, { name, query: smaller }) };
    }
  }
}
