import { createConnection } from 'mysql2/promise';
import { expect, test } from 'vitest';
import { CdcProject, finished } from '../support/cdc-project.ts';
import { Random } from '../support/random.ts';
import { createShop, shopModels } from '../support/shop.ts';
import { keepShopBusy } from '../support/shop-traffic.ts';
import { openTempFolder } from '../support/temp-folder.ts';
import { openTestDatabase } from '../support/test-database.ts';
import { waitUntil } from '../support/wait-until.ts';

test('verify proves source = ODS = layers beside a running cdc run while writing goes on', async () => {
  await using database = await openTestDatabase();
  await using folder = await openTempFolder();
  await createShop(database);
  const project = await CdcProject.create(folder.path, database, { models: shopModels });
  await project.succeed('init');
  const running = project.start('run');
  const ended = finished(running);
  const stop = new AbortController();
  const traffic = await createConnection(database.options);
  const busy = keepShopBusy(traffic, new Random(3), stop.signal);
  try {
    await waitUntil(
      'changes are loaded',
      async () => JSON.parse(await project.succeed('status', '--json')).transactions > 50,
      60_000,
    );
    const report = JSON.parse(await project.succeed('verify', '--json'));
    expect(report.ok).toBe(true);
    expect(report.tables).toHaveLength(4);
    expect(report.layers.map(({ differences }: { differences: number }) => differences)).toEqual([
      0, 0, 0, 0,
    ]);
  } finally {
    stop.abort();
    expect(await busy).toBeGreaterThan(50);
    await traffic.end();
    running.kill('SIGTERM');
  }
  expect((await ended).exitCode).toBe(0);
}, 300_000);
