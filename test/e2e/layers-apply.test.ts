import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { CdcProject, finished } from '../support/cdc-project.ts';
import { createShop, shopModels } from '../support/shop.ts';
import { openTempFolder } from '../support/temp-folder.ts';
import { openTestDatabase } from '../support/test-database.ts';
import { waitUntil } from '../support/wait-until.ts';

test('models are changed and rolled back beside a running cdc run, with the flow going on', async () => {
  await using database = await openTestDatabase();
  await using folder = await openTempFolder();
  await createShop(database, 60);
  const project = await CdcProject.create(folder.path, database, { models: shopModels });
  const ordersOf = async (table: string) => {
    const [row] = await project.query<{ n: string }>(`SELECT count() AS n FROM ${table}`);
    return Number(row?.n);
  };
  await project.succeed('init');
  const running = project.start('run');
  const ended = finished(running);
  try {
    const order = (id: number) =>
      database.connection.query(
        `INSERT INTO orders (id, customer_id, amount, status, created_at) VALUES (${id}, 1, 5, 'paid', NOW())`,
      );
    await order(900);
    const isThere = async () => (await ordersOf('dwd.order_wide')) === 61;
    await waitUntil('the run has taken over', isThere, 120_000);
    const before = await ordersOf('dwd.order_wide');
    const file = join(folder.path, 'layers', 'dwd', 'order_wide.sql');
    const sql = (shopModels['dwd/order_wide'] ?? '').replaceAll('{db}', database.name);
    await writeFile(file, `${sql}\n-- only a few\nWHERE o.id <= 10`);
    const plan = await project.succeed('layers', 'plan');
    expect(plan).toMatch(/dwd\.order_wide +changed +filter +[\d,]+ rows, /);
    const applied = project.start('layers', 'apply', '--yes');
    await order(1_000);
    expect((await finished(applied)).exitCode).toBe(0);
    expect(await ordersOf('dwd.order_wide')).toBe(10);

    const { changes } = JSON.parse(await project.succeed('layers', 'history', '--json'));
    expect(
      changes.map(({ number, kind }: { number: number; kind: string }) => [number, kind]),
    ).toEqual([
      [1, 'apply'],
      [2, 'apply'],
    ]);
    expect(await project.succeed('layers', 'rollback', '2')).toMatch(/dwd\.order_wide +restored/);
    expect(await ordersOf('dwd.order_wide')).toBeGreaterThanOrEqual(before);
    await waitUntil(
      'the old version has come to the present',
      async () => (await ordersOf('dwd.order_wide')) === before + 1,
      60_000,
    );
    const both = `SELECT (SELECT count() FROM dwd.order_wide) AS wide, (SELECT count() FROM ${database.name}.orders) AS orders`;
    const atCut = await finished(project.start('query', '--at-cut', '--json', both));
    expect(atCut.stderr).toMatch(/^as of \S+\.\d{6}:\d+$/m);
    expect(JSON.parse(atCut.stdout)).toEqual([{ wide: 62, orders: 62 }]);
    const refused = await finished(project.start('layers', 'rollback', '9'));
    expect(refused.exitCode).toBe(2);
    expect(refused.stderr).toContain('There are 1, 2, 3: see `cdc layers history`.');
    const verified = JSON.parse(await project.succeed('verify', '--json'));
    expect(verified.ok).toBe(true);
  } finally {
    running.kill('SIGTERM');
  }
  expect((await ended).exitCode).toBe(0);
}, 300_000);

test('a run until current ends with models of minutes and large changes at the end, too', async () => {
  await using database = await openTestDatabase();
  await using folder = await openTempFolder();
  await createShop(database, 60);
  const report = shopModels['ads/region_report'] ?? '';
  const models = { ...shopModels, 'ads/region_report': `-- freshness: 5 min\n${report}` };
  const project = await CdcProject.create(folder.path, database, {
    models,
    source: 'layers:\n  deferKeys: 3\n',
  });
  await project.succeed('init');
  await database.connection.query("UPDATE orders SET amount = amount + 1 WHERE status = 'paid'");
  await project.succeed('run', '--until-current');
  await database.connection.query("UPDATE orders SET amount = amount + 1 WHERE status = 'paid'");
  await project.succeed('run', '--until-current');
  const verified = JSON.parse(await project.succeed('verify', '--json'));
  expect(verified.ok).toBe(true);
  const status = JSON.parse(await project.succeed('status', '--json'));
  expect(new Set(status.layers.map(({ cut }: { cut: string }) => cut)).size).toBe(1);
}, 300_000);
