import { describe, expect, test } from 'vitest';
import { CdcError } from '../../src/errors.ts';
import type { Omission } from '../../src/layers/maintained-node.ts';
import { layersOptions } from '../../src/layers/options.ts';
import { SchoolTraffic, schoolModels, schoolTables } from '../support/layers-school.ts';
import { LayersWorld, never } from '../support/layers-world.ts';
import { Random } from '../support/random.ts';

const seed = Number(process.env['CDC_FUZZ_SEED'] ?? 20261121);
const rounds = Number(process.env['CDC_FUZZ_ROUNDS'] ?? 15);

async function openSchool(runSeed: number, omit?: Omission) {
  const world = await LayersWorld.open(schoolTables, schoolModels);
  const random = new Random(runSeed);
  const traffic = new SchoolTraffic(world, random);
  await traffic.fill(8);
  const layers = await world.openLayers(omit ? { omit } : {});
  await layers.apply(never);
  const close = () => world[Symbol.asyncDispose]();
  return { world, random, traffic, layers, [Symbol.asyncDispose]: close };
}

describe(`layers under random changes, seed ${seed}`, { timeout: 600_000 }, () => {
  test(`equal their queries after each of ${rounds} rounds`, async () => {
    await using school = await openSchool(seed);
    const { world, traffic, layers } = school;
    const maintained = layers.status().filter(({ way }) => way === 'keys');
    expect(maintained).toHaveLength(10);
    expect(await world.differences(layers)).toEqual([]);
    for (let round = 1; round <= rounds; round += 1) {
      await traffic.step();
      await world.refresh(layers);
      expect(await world.differences(layers), `round ${round}`).toEqual([]);
    }
    const rebuilt = layers.status().filter(({ way, rebuilds }) => way === 'keys' && rebuilds > 1);
    expect(rebuilt, 'all of it by keys').toEqual([]);
  });

  test(`equal their queries when models are rebuilt and swapped now and then`, async () => {
    await using school = await openSchool(seed + 1);
    const { world, traffic } = school;
    const options = layersOptions.parse({ rebuildShare: 0.3, rebuildFromKeys: 2 });
    const layers = await world.openLayers({ options });
    for (let round = 1; round <= rounds; round += 1) {
      await traffic.step(4);
      await world.refresh(layers);
      expect(await world.differences(layers), `round ${round}`).toEqual([]);
    }
    const rebuilt = layers.status().filter(({ way, rebuilds }) => way === 'keys' && rebuilds > 1);
    expect(rebuilt.length).toBeGreaterThan(3);
  });

  test(`equal their queries after refreshes that break off at any statement`, async () => {
    await using school = await openSchool(seed + 2);
    const { world, traffic, random } = school;
    let { layers } = school;
    let broken = 0;
    for (let round = 1; round <= rounds; round += 1) {
      await traffic.step();
      for (let attempts = random.between(1, 2); attempts > 0; attempts -= 1) {
        breakOffAt(world, random.between(1, 45));
        const error = await world.refresh(layers).then(
          () => undefined,
          (reason: unknown) => reason,
        );
        world.engine.beforeStatement = undefined;
        if (error === undefined) break;
        expect(error).toMatchObject({ kind: 'transient' });
        broken += 1;
        // What comes after a crash: a new process, and perhaps more changes before the next attempt.
        layers = await world.openLayers();
        if (random.between(1, 2) === 1) await traffic.step(3);
      }
      await world.refresh(layers);
      expect(await world.differences(layers), `round ${round}`).toEqual([]);
      for (const { name, rows } of layers.status()) {
        const [row] = await world.engine.rows<{ count: string }>(
          `SELECT count() AS count FROM ${name}`,
        );
        expect(`${name} ${rows}`).toBe(`${name} ${row?.count}`);
      }
    }
    expect(broken).toBeGreaterThan(rounds / 2);
  });

  const omissions: Omission[] = ['old-matches', 'new-matches', 'old-groups', 'hops', 'null-safe'];
  test.each(omissions)('are wrong without %s', async (omit) => {
    await using school = await openSchool(seed + 3, omit);
    const { world, traffic, layers } = school;
    let wrong: string[] = [];
    for (let round = 1; round <= 3 * rounds && wrong.length === 0; round += 1) {
      await traffic.step();
      await world.refresh(layers);
      wrong = await world.differences(layers);
    }
    expect(wrong).not.toEqual([]);
  });
});

/** The engine goes away before the n-th statement from now, as when it is killed. */
function breakOffAt(world: LayersWorld, statement: number): void {
  let left = statement;
  world.engine.beforeStatement = () => {
    left -= 1;
    if (left <= 0)
      throw new CdcError('CDC_ENGINE_UNREACHABLE', 'The engine was killed by the test.');
  };
}
