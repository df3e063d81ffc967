import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Omission } from '../../src/layers/node/maintained-node.ts';
import type { Scenario } from '../fuzz/scenario.ts';
import { makeScenario } from '../fuzz/scenario-maker.ts';
import { type Failure, runScenario } from '../fuzz/scenario-run.ts';
import { forSmallTables, InProcessEngine } from '../support/layers-engine.ts';

interface Condition {
  readonly what: string;
  /** The first world that is tried; one that shows the fault soon. */
  readonly firstSeed: number;
}

/** Each condition of the method; a new one is a type error until it is listed here and proved. */
const conditions: Readonly<Record<Omission, Condition>> = {
  'old-images': { what: 'rows that were deleted count as changed', firstSeed: 100 },
  'old-matches': {
    what: 'stored rows that a changed row went into are computed anew',
    firstSeed: 102,
  },
  'new-matches': { what: 'rows that now reach a changed row are computed anew', firstSeed: 101 },
  hops: { what: 'changes are followed over every hop', firstSeed: 117 },
  'old-groups': { what: 'groups that a row has left are computed anew', firstSeed: 100 },
  'new-groups': { what: 'groups that a row has come into are computed anew', firstSeed: 100 },
  'null-safe': { what: 'keys and groups that are NULL are compared as values', firstSeed: 100 },
  sets: { what: 'rows that ask a changed subquery are computed anew', firstSeed: 102 },
  'one-cut': { what: 'all tables of a batch are looked at', firstSeed: 100 },
  'kept-deltas': { what: 'what a broken attempt has changed is known to the next', firstSeed: 100 },
};

const mostWorlds = 40;
const cases = Object.entries(conditions).map(([omit, condition]) => ({ omit, ...condition }));

describe('layers without one condition of the method', { timeout: 600_000 }, () => {
  let engine: InProcessEngine;

  beforeAll(async () => {
    engine = await InProcessEngine.open(forSmallTables);
  });

  afterAll(async () => {
    await engine[Symbol.asyncDispose]();
  });

  test.each(cases)('are wrong without $omit: $what', async ({ omit: name, firstSeed }) => {
    const omit = name as Omission;
    let found: Failure['kind'] | undefined;
    for (let seed = firstSeed; seed < firstSeed + mostWorlds && found === undefined; seed += 1) {
      const made = makeScenario(seed, 6);
      const scenario = omit === 'kept-deltas' ? withKills(made) : made;
      const { failure } = await runScenario(scenario, engine, { omit, verifyEvery: 100 });
      found = failure?.kind;
    }
    // Of a model that is right still, a hidden stage may be wrong.
    expect(['wrong', 'verify']).toContain(found);
  });
});

/** Every refresh breaks off once, at another place each time. */
function withKills(scenario: Scenario): Scenario {
  const steps = scenario.steps.map((step, index) => {
    const kill = { at: 3 + ((scenario.seed + index) % 7), who: 'process', changes: [] } as const;
    return { ...step, kills: [kill] };
  });
  return { ...scenario, steps };
}
