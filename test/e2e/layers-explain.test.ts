import { expect, test } from 'vitest';
import { CdcProject, finished } from '../support/cdc-project.ts';
import { createShop, shopModels } from '../support/shop.ts';
import { openTempFolder } from '../support/temp-folder.ts';
import { openTestDatabase } from '../support/test-database.ts';
import { waitUntil } from '../support/wait-until.ts';

test('a number is explained beside a running cdc run, down to rows and places of the source', async () => {
  await using database = await openTestDatabase();
  await using folder = await openTempFolder();
  await createShop(database, 60);
  const project = await CdcProject.create(folder.path, database, { models: shopModels });
  const model = 'dws.sales_by_region_day';
  const key = ['--key', 'region=north', '--key', 'day=2026-01-01'];
  const explain = async (...args: string[]) => {
    const command = ['layers', 'explain', model, ...key, ...args, '--json'];
    return JSON.parse(await project.succeed(...command));
  };
  const changes = async (count: number) => {
    return (await explain('--since', 'all')).history.steps.length === count;
  };
  await project.succeed('init');
  const running = project.start('run');
  const ended = finished(running);
  try {
    await waitUntil('the layers are followed', () => changes(0), 150_000);
    await database.connection.query("UPDATE orders SET status = 'refunded' WHERE id = 4");
    await waitUntil('the refund is there', () => changes(1), 150_000);
    await database.connection.query('UPDATE customer SET region_id = 2 WHERE id IN (17, 29)');
    await waitUntil('the moves are there', () => changes(2), 150_000);
    const table = (name: string) => `${database.name}.${name}`;
    const { levels } = await explain();
    expect(levels.map(({ name, total }: { name: string; total: number }) => [name, total])).toEqual(
      expect.arrayContaining([
        ['dwd.order_wide', 2],
        [table('orders'), 2],
        [table('customer'), 2],
        [table('region'), 1],
      ]),
    );
    const { history } = await explain('--since', '1h');
    const [refund, move] = history.steps;
    expect(refund.columns[0]).toEqual({ column: 'amount', from: '141.25', to: '137.00' });
    const [cause] = refund.causes;
    expect(cause).toMatchObject({
      table: table('orders'),
      key: { id: '4' },
      columns: [{ column: 'status', from: 'paid', to: 'refunded' }],
      effect: { movedOut: 1 },
    });
    expect(cause.place.position).toMatch(/^.+\.\d{6}:\d+$/);
    expect(Date.parse(cause.place.committedAt)).toBeGreaterThan(Date.now() - 600_000);
    expect(move.causes).toMatchObject([{ key: { id: '17' } }, { key: { id: '29' } }]);
    const story = await project.succeed('layers', 'explain', model, ...key, '--since', '1h');
    expect(story).toContain('amount 141.25 -> 137.00, orders 5 -> 4, customers 5 -> 4 at ');
    expect(story).toContain(`  - ${table('orders')} id 4 changed status paid -> refunded (`);
    expect(story).toContain('1 row of dwd.order_wide moved away');
    const since = ['--since', history.steps[0].cut.position];
    expect((await explain(...since)).history.steps).toHaveLength(1);
  } finally {
    running.kill('SIGTERM');
  }
  expect((await ended).exitCode).toBe(0);
  // Changes of a model that nobody reads are in the engine's memory while it lives.
  const report = ['layers', 'explain', 'ads.region_report', '--key', 'region=north'];
  const kept = JSON.parse(await project.succeed(...report, '--since', 'all', '--json'));
  expect(kept.history.steps.map(({ kind }: { kind: string }) => kind)).toEqual([
    'changed',
    'changed',
  ]);
}, 300_000);
