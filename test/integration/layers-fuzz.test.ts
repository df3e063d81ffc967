import { describe, expect, test } from 'vitest';
import { CdcError } from '../../src/errors.ts';
import type { Omission } from '../../src/layers/maintained-node.ts';
import { layersOptions } from '../../src/layers/options.ts';
import { SchoolTraffic, schoolModels, schoolTables } from '../support/layers-school.ts';
import { LayersWorld, never } from '../support/layers-world.ts';
import { Random } from '../support/random.ts';

const seed = Number(process.env['CDC_FUZZ_SEED'] ?? 20261121);
const rounds = Number(process.env['CDC_FUZZ_ROUNDS'] ?? 15);

// Small as they are, the tables are read by key, as large ones would be.
const options = layersOptions.parse({ smallTableRows: 0 });

async function openSchool(runSeed: number, omit?: Omission) {
  const world = await LayersWorld.open(schoolTables, schoolModels);
  const random = new Random(runSeed);
  const traffic = new SchoolTraffic(world, random);
  await traffic.fill(10);
  const layers = await world.openLayers(omit ? { omit, options } : { options });
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
    const eager = layersOptions.parse({ rebuildShare: 0.3, rebuildFromKeys: 2 });
    const layers = await world.openLayers({ options: eager });
    for (let round = 1; round <= rounds; round += 1) {
      await traffic.step(4);
      await world.refresh(layers);
      expect(await world.differences(layers), `round ${round}`).toEqual([]);
    }
    const rebuilt = layers.status().filter(({ way, rebuilds }) => way === 'keys' && rebuilds > 1);
    expect(rebuilt.length).toBeGreaterThan(3);
  });

  test('equal their queries after refreshes that break off at any statement', async () => {
    await using school = await openSchool(seed + 2);
    let broken = 0;
    for (let round = 1; round <= rounds; round += 1) {
      await school.traffic.step();
      broken += await refreshWithCrashes(school);
      const layers = await school.world.openLayers();
      expect(await school.world.differences(layers), `round ${round}`).toEqual([]);
      for (const { name, rows } of layers.status()) {
        const count = `SELECT count() AS count FROM ${name}`;
        const [row] = await school.world.engine.rows<{ count: string }>(count);
        expect(`${name} ${rows}`).toBe(`${name} ${row?.count}`);
      }
    }
    expect(broken).toBeGreaterThan(rounds / 2);
  });

  test('are wrong after such refreshes without kept-deltas', async () => {
    const omit = 'kept-deltas';
    await using school = await openSchool(seed + 2, omit);
    let wrong: string[] = [];
    for (let round = 1; round <= 3 * rounds && wrong.length === 0; round += 1) {
      await school.traffic.step(12);
      await refreshWithCrashes(school, omit);
      wrong = await school.world.differences(school.layers);
    }
    expect(wrong).not.toEqual([]);
  });

  const omissions = ['old-matches', 'new-matches', 'old-groups', 'hops', 'null-safe'] as const;
  test.each(omissions)('are wrong without %s', async (omit) => {
    await using school = await openSchool(seed + 3, omit);
    const { world, traffic, layers } = school;
    let wrong: string[] = [];
    for (let round = 1; round <= 3 * rounds && wrong.length === 0; round += 1) {
      await traffic.step(12);
      await world.refresh(layers);
      wrong = await world.differences(layers);
    }
    expect(wrong).not.toEqual([]);
  });
});

/** Refreshes until it works, with the engine going away once or twice; resolves to how often it did. */
async function refreshWithCrashes(
  { world, random, traffic }: Awaited<ReturnType<typeof openSchool>>,
  omit?: Omission,
): Promise<number> {
  const setup = omit ? { omit, options } : { options };
  let broken = 0;
  for (let attempts = random.between(1, 2); attempts > 0; attempts -= 1) {
    breakOffAt(world, random.between(1, 25));
    const error = await world.refresh(await world.openLayers(setup)).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    world.engine.beforeStatement = undefined;
    if (error === undefined) return broken;
    expect(error).toMatchObject({ kind: 'transient' });
    broken += 1;
    // After the crash a new process goes on, perhaps with more changes in the tables.
    if (random.between(1, 2) === 1) await traffic.step(3);
  }
  await world.refresh(await world.openLayers(setup));
  return broken;
}

/** The engine goes away before the n-th statement from now that stores something, as when it is killed. */
function breakOffAt(world: LayersWorld, write: number): void {
  let left = write;
  world.engine.beforeStatement = (sql) => {
    if (!/^(INSERT|EXCHANGE)/.test(sql)) return;
    left -= 1;
    if (left <= 0) throw new CdcError('CDC_ENGINE_UNREACHABLE', 'The test has killed the engine.');
  };
}
