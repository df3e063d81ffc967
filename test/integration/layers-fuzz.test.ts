import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Coverage } from '../fuzz/coverage.ts';
import { renderReproduction } from '../fuzz/reproduction.ts';
import { makeScenario } from '../fuzz/scenario-maker.ts';
import { runScenario } from '../fuzz/scenario-run.ts';
import { shrink } from '../fuzz/shrink.ts';
import { forSmallTables, InProcessEngine } from '../support/layers-engine.ts';

// `npm run fuzz -- --rounds 5000 --seed 1` does the same for longer, and makes what fails smaller.
const firstSeed = Number(process.env['CDC_FUZZ_SEED'] ?? 20261121);
const wantedRounds = Number(process.env['CDC_FUZZ_ROUNDS'] ?? 48);
const roundsPerWorld = 6;

describe(`layers under random changes, seed ${firstSeed}`, { timeout: 600_000 }, () => {
  let engine: InProcessEngine;

  beforeAll(async () => {
    engine = await InProcessEngine.open(forSmallTables);
  });

  afterAll(async () => {
    await engine[Symbol.asyncDispose]();
  });

  test(`equal their full recompute after each of ${wantedRounds} rounds`, async () => {
    const coverage = new Coverage();
    for (let seed = firstSeed; coverage.rounds < wantedRounds; seed += 1) {
      const scenario = makeScenario(seed, roundsPerWorld);
      const result = await runScenario(scenario, engine, { verifyEvery: 3 });
      const failed = result.failure && renderReproduction(scenario, result);
      expect(failed, `npm run fuzz -- --seed ${seed} --rounds-per-world ${roundsPerWorld}`).toBe(
        undefined,
      );
      coverage.add(result);
    }
    const all = coverage.of('all models');
    expect(coverage.broken, 'refreshes that broke off').toBeGreaterThan(0);
    expect(all.byKeys / all.models, coverage.render()).toBeGreaterThan(0.8);
  });

  test('that come out wrong are shown as a small piece of SQL', async () => {
    const scenario = makeScenario(100, 4);
    const omit = 'old-groups';
    const { failure } = await runScenario(scenario, engine, { omit });
    if (failure === undefined) throw new Error('seed 100 needs the groups of old rows');
    const attempt = async (candidate: typeof scenario) => {
      return (await runScenario(candidate, engine, { omit })).failure;
    };
    const deadline = performance.now() + 60_000;
    const smallest = await shrink(scenario, failure, { attempt, deadline, mostAttempts: 25 });
    const again = await runScenario(smallest.scenario, engine, { omit });
    expect(sizeOf(smallest.scenario)).toBeLessThan(sizeOf(scenario) / 2);
    const text = renderReproduction(smallest.scenario, again);
    expect(text).toMatch(/CREATE TABLE _ods.*INSERT INTO _ods.*-- refresh.*-- wrong after round/s);
    expect(text).toMatch(/expected, not found|found, not expected/);
  });
});

function sizeOf(value: unknown): number {
  return JSON.stringify(value).length;
}
