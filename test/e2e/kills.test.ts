import type { ChildProcess } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createConnection } from 'mysql2/promise';
import { describe, expect, test } from 'vitest';
import { CdcProject, finished } from '../support/cdc-project.ts';
import { Random } from '../support/random.ts';
import { createShop, shopModels } from '../support/shop.ts';
import { keepShopBusy } from '../support/shop-traffic.ts';
import { openTempFolder } from '../support/temp-folder.ts';
import { openTestDatabase } from '../support/test-database.ts';

const kills = 22;

describe.each(['mariadb', 'mysql'] as const)('killed at random moments on %s', (flavour) => {
  test(`nothing is lost or doubled over ${kills} kills of cdc and its engine (seed 7)`, async () => {
    await using database = await openTestDatabase(flavour);
    await using folder = await openTempFolder();
    await createShop(database);
    const project = await CdcProject.create(folder.path, database, {
      models: shopModels,
      source: '  snapshot: { chunkRows: 300 }',
    });
    const random = new Random(7);
    const stop = new AbortController();
    const traffic = await createConnection(database.options);
    const busy = keepShopBusy(traffic, new Random(11), stop.signal);
    try {
      // The snapshot, too, is killed on its way, and goes on from its last chunk.
      await killOnTheWay(project.start('init'), project, random, 900);
      await project.succeed('init');
      for (let kill = 1; kill < kills; kill++) {
        await killOnTheWay(project.start('run'), project, random, 1_500);
      }
    } finally {
      stop.abort();
      await busy;
      await traffic.end();
    }
    expect(await busy).toBeGreaterThan(100);
    await project.succeed('run', '--until-current');
    const report = JSON.parse(await project.succeed('verify', '--json'));
    expect(report.ok).toBe(true);
    expect(report.tables.map(({ differences }: { differences: unknown[] }) => differences)).toEqual(
      [[], [], [], []],
    );
  }, 400_000);
});

/** Lets the command work for a random while, then kills it, its engine, or both. */
async function killOnTheWay(
  child: ChildProcess,
  project: CdcProject,
  random: Random,
  longestMs: number,
): Promise<void> {
  const ended = finished(child);
  await Promise.race([delay(random.between(100, longestMs)), ended]);
  const victim = random.pick(['cdc', 'engine', 'both']);
  if (victim !== 'cdc') await killEngine(project);
  // A killed engine is started again by the running command: give it the time to meet the loss.
  if (victim === 'engine') await Promise.race([delay(random.between(100, 800)), ended]);
  child.kill('SIGKILL');
  await ended;
}

async function killEngine(project: CdcProject): Promise<void> {
  const text = await readFile(join(project.folder, '.cdc', 'engine.json'), 'utf8').catch(() => '');
  if (text === '') return;
  const { pid } = JSON.parse(text) as { pid?: number };
  try {
    if (pid !== undefined) process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as { code?: string }).code !== 'ESRCH') throw error;
  }
}
