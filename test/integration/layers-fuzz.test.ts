import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CdcError } from '../../src/errors.ts';
import type { Layers } from '../../src/layers/layers.ts';
import type { Omission } from '../../src/layers/maintained-node.ts';
import { layersOptions } from '../../src/layers/options.ts';
import { SchoolTraffic, schoolModels, schoolTables } from '../support/layers-school.ts';
import { LayersWorld, never } from '../support/layers-world.ts';
import { Random } from '../support/random.ts';

const seed = Number(process.env['CDC_FUZZ_SEED'] ?? 20261121);
const rounds = Number(process.env['CDC_FUZZ_ROUNDS'] ?? 30);

interface Run {
  readonly world: LayersWorld;
  readonly traffic: SchoolTraffic;
  readonly random: Random;
  layers: Layers;
}

async function openRun(runSeed: number, setup: Parameters<LayersWorld['openLayers']>[0] = {}) {
  const world = await LayersWorld.open(schoolTables, schoolModels);
  const random = new Random(runSeed);
  const traffic = new SchoolTraffic(world, random);
  await traffic.fill(8);
  const layers = await world.openLayers(setup);
  await layers.apply(never);
  return { world, traffic, random, layers, [Symbol.asyncDispose]: () => world[Symbol.asyncDispose]() };
}

describe(`layers stay equal to their queries, seed ${seed}`, () => {
  test(`by keys, over ${rounds} rounds of random changes`, async () => {
    await using run = await openRun(seed);
    expect(await run.world.differences(run.layers)).toEqual([]);
    for (let round = 1; round <= rounds; round += 1) {
      await run.traffic.step();
      await run.world.refresh(run.layers);
      expect(await run.world.differences(run.layers), `round ${round}`).toEqual([]);
    }
  });
});
