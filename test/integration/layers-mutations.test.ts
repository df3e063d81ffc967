import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Omission } from '../../src/layers/maintained-node.ts';
import type { Scenario } from '../fuzz/scenario.ts';
import { makeScenario } from '../fuzz/scenario-maker.ts';
import { type Failure, runScenario } from '../fuzz/scenario-run.ts';
import { forSmallTables, InProcessEngine } from '../support/layers-engine.ts';

/** Each condition of the method; a new one is a type error until it is listed here and proved. */
const conditions: Readonly<Record<Omission, string>> = {
  'old-images': 'rows that were deleted count as changed',
  'old-matches': 'stored rows that a changed row went into are computed anew',
  'new-matches': 'driving rows that now reach a changed row are computed anew',
  hops: 'changes are followed over every hop',
  'old-groups': 'groups that a row has left are computed anew',
  'new-groups': 'groups that a row has come into are computed anew',
  'null-safe': 'keys and groups that are NULL are compared as values',
  sets: 'rows that ask a changed subquery are computed anew',
  'one-cut': 'all tables of a batch are looked at',
  'kept-deltas': 'what a broken attempt has changed is still known to the next one',
};

const mostWorlds = 40;

describe('layers without one condition of the method', { timeout: 600_000 }, () => {
  let engine: InProcessEngine;

  beforeAll(async () => {
    engine = await InProcessEngine.open(forSmallTables);
  });

  afterAll(async () => {
    await engine[Symbol.asyncDispose]();
  });

  test.each(Object.entries(conditions))('are wrong without %s: %s', async (condition) => {
    const omit = condition as Omission;
    let found: Failure['kind'] | undefined;
    for (let seed = 100; seed < 100 + mostWorlds && found === undefined; seed += 1) {
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
