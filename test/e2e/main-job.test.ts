import { describe, expect, test } from 'vitest';
import { CdcProject } from '../support/cdc-project.ts';
import { createShop, shopModels } from '../support/shop.ts';
import { openTempFolder } from '../support/temp-folder.ts';
import { openTestDatabase } from '../support/test-database.ts';

describe.each(['mariadb', 'mysql'] as const)('the main job on %s', (flavour) => {
  test('init, changes, run until current, query and verify agree', async () => {
    await using database = await openTestDatabase(flavour);
    await using folder = await openTempFolder();
    await createShop(database);
    const project = await CdcProject.create(folder.path, database, { models: shopModels });

    await project.succeed('check');
    await project.succeed('init');
    expect(await project.query(`SELECT count() AS n FROM ${database.name}.orders`)).toEqual([
      { n: 2000 },
    ]);
    expect(await project.query('SELECT count() AS n FROM dwd.order_wide')).toEqual([{ n: 2000 }]);

    await database.connection.query(`
      INSERT INTO orders (id,customer_id,amount,status,created_at) VALUES (5001, 999, 10, 'paid', '2026-02-01 00:00:00');
      INSERT INTO customer VALUES (999, 'late customer', 3, NULL);
      UPDATE customer SET region_id = 2 WHERE id = 5;
      UPDATE region SET name = 'North' WHERE id = 1;
      DELETE FROM orders WHERE id BETWEEN 100 AND 150;
      UPDATE orders SET id = 9000 WHERE id = 7;
      ALTER TABLE orders ADD COLUMN channel VARCHAR(20) NULL;
      UPDATE orders SET channel = 'app' WHERE id = 8;`);
    await project.succeed('run', '--until-current');

    expect(
      await project.query(`SELECT customer, region FROM dwd.order_wide WHERE order_id = 5001`),
    ).toEqual([{ customer: 'late customer', region: 'west' }]);
    expect(
      await project.query(
        `SELECT id, channel FROM ${database.name}.orders WHERE id IN (7, 8, 9000) ORDER BY id`,
      ),
    ).toEqual([
      { id: 8, channel: 'app' },
      { id: 9000, channel: null },
    ]);
    const report = JSON.parse(await project.succeed('verify', '--json'));
    expect(report.ok).toBe(true);
    expect(report.tables).toHaveLength(4);
    expect(report.layers).toHaveLength(4);
  }, 180_000);

  test('init --restart begins a new history over the old rows, and init --tables reads one table anew', async () => {
    await using database = await openTestDatabase(flavour);
    await using folder = await openTempFolder();
    await createShop(database, 300);
    const project = await CdcProject.create(folder.path, database, { models: shopModels });
    await project.succeed('init');
    // A row that the warehouse has and the source lost while nobody looked.
    await project.succeed(
      'query',
      `INSERT INTO _ods.\`${database.name}.orders\` SELECT * REPLACE (777777 AS id) FROM _ods.\`${database.name}.orders\` FINAL WHERE id = 1`,
    );
    await database.connection.query('UPDATE orders SET amount = 1 WHERE id = 2');
    await project.succeed('init', '--restart');
    await database.connection.query("UPDATE orders SET note = 'later' WHERE id = 3");
    await project.succeed('run', '--until-current');
    expect(
      await project.query(
        `SELECT id, note FROM ${database.name}.orders WHERE id IN (3, 777777) ORDER BY id`,
      ),
    ).toEqual([{ id: 3, note: 'later' }]);
    await project.succeed('init', '--tables', `${database.name}.customer`);
    await project.succeed('verify');
  }, 180_000);

  test('verify finds and names a row broken by hand, in ODS and in a layer', async () => {
    await using database = await openTestDatabase(flavour);
    await using folder = await openTempFolder();
    await createShop(database, 500);
    const project = await CdcProject.create(folder.path, database, { models: shopModels });
    await project.succeed('init');

    await project.succeed(
      'query',
      `INSERT INTO _ods.\`${database.name}.orders\` SELECT * REPLACE (amount + 1 AS amount) FROM _ods.\`${database.name}.orders\` FINAL WHERE id = 42`,
    );
    const { exitCode, stdout } = await project.run('verify', '--json');
    expect(exitCode).toBe(4);
    const report = JSON.parse(stdout);
    const orders = report.tables.find((table: { table: string }) =>
      table.table.endsWith('.orders'),
    );
    expect(orders.differences).toMatchObject([
      { key: '["42"]', kind: 'different', columns: ['amount'] },
    ]);
    const wide = report.layers.find((layer: { name: string }) => layer.name === 'dwd.order_wide');
    expect(wide.differences).toBe(1);
    expect(wide.keys.join()).toContain('42');
  }, 180_000);
});
