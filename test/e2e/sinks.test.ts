import { expect, test } from 'vitest';
import { CdcProject, sourceYaml } from '../support/cdc-project.ts';
import { openPostgresDatabase, type PostgresDatabase } from '../support/postgres.ts';
import { RunningCommand } from '../support/running-command.ts';
import { createShop } from '../support/shop.ts';
import { startShopTraffic } from '../support/shop-traffic.ts';
import { openTempFolder } from '../support/temp-folder.ts';
import { openTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { waitUntil } from '../support/wait-until.ts';

const models = {
  'dwd/order_wide': `SELECT o.id AS order_id, o.amount AS amount, o.status AS status, toDate(o.created_at) AS day,
  c.name AS customer, r.name AS region
FROM {db}.orders AS o
LEFT JOIN {db}.customer AS c ON c.id = o.customer_id
LEFT JOIN {db}.region AS r ON r.id = c.region_id
`,
  'ads/sales_by_day': `-- key: region, day
SELECT ifNull(region, 'unknown') AS region, day, sum(amount) AS amount, count() AS orders
FROM dwd.order_wide WHERE status = 'paid' GROUP BY region, day
`,
  'ads/best_day': `-- key: rank
SELECT toUInt8(1) AS rank, max(amount) AS amount FROM ads.sales_by_day
`,
};

function sinkYaml(database: TestDatabase, store: PostgresDatabase, rest = ''): string {
  const { host, port, user, password } = store.options;
  return `name: test
${sourceYaml(database)}sinks:
  - name: serving
    type: postgres
    host: ${host}
    port: ${port}
    user: ${user}
    password: ${JSON.stringify(password.reveal())}
    database: ${store.name}
    tables: ['${database.name}.*', 'ads.*', 'dwd.*']
${rest}`;
}

async function expectSame(project: CdcProject): Promise<void> {
  const verified = await project.run('verify', '--sink', 'serving', '--json');
  expect(verified.exitCode, verified.stdout + verified.stderr).toBe(0);
}

test('a sink gets tables and models with init, and follows them with run', async () => {
  await using database = await openTestDatabase('mariadb');
  await using folder = await openTempFolder();
  await using store = await openPostgresDatabase();
  await createShop(database);
  const project = await CdcProject.create(folder.path, database, {
    yaml: sinkYaml(database, store),
    models,
  });
  await project.succeed('check');
  await project.succeed('init');
  const { rows } = await store.client.query('SELECT count(*)::int AS n FROM orders');
  expect(rows).toEqual([{ n: 2000 }]);
  await expectSame(project);

  await using run = new RunningCommand(project, 'run');
  await using traffic = await startShopTraffic(database, 5);
  await run.working();
  await database.connection.query('ALTER TABLE orders ADD COLUMN city VARCHAR(40) NULL');
  await database.connection.query("UPDATE orders SET city = 'Wuhan' WHERE id % 3 = 0");
  await waitUntil(
    'the new column has its values in the store',
    async () => {
      const found = await store.client
        .query("SELECT count(*)::int AS n FROM orders WHERE city = 'Wuhan'")
        .catch(() => undefined);
      return (found?.rows[0]?.n ?? 0) > 100;
    },
    60_000,
  );
  // Beside the run, while everything changes.
  await expectSame(project);
  expect(await traffic.stop()).toBeGreaterThan(20);
  const { exitCode, stderr } = await run.stop();
  expect(exitCode, stderr).toBe(0);
  await project.succeed('run', '--until-current');
  await expectSame(project);
  const status = JSON.parse(await project.succeed('status', '--json'));
  expect(status.sinks).toMatchObject([{ name: 'serving', type: 'postgres' }]);
  expect(status.sinks[0].tables.map(({ table }: { table: string }) => table).sort()).toEqual([
    ...['ads.best_day', 'ads.sales_by_day', 'dwd.order_wide'],
    ...['customer', 'item', 'orders', 'region'].map((table) => `${database.name}.${table}`),
  ]);
}, 240_000);

test('rows broken by hand are named by verify and mended by repair', async () => {
  await using database = await openTestDatabase('mariadb');
  await using folder = await openTempFolder();
  await using store = await openPostgresDatabase();
  await createShop(database, 300);
  const project = await CdcProject.create(folder.path, database, {
    yaml: sinkYaml(database, store),
    models,
  });
  await project.succeed('init');
  await store.client.query('DELETE FROM orders WHERE id = 7');
  await store.client.query("UPDATE orders SET note = 'by hand', amount = 0 WHERE id = 8");
  await store.client.query("INSERT INTO region (id, name, _version) VALUES (99, 'nowhere', 1)");
  await store.client.query("UPDATE sales_by_day SET amount = 1 WHERE region = 'north'");
  const found = await project.run('verify', '--sink', 'serving', '--json');
  expect(found.exitCode).toBe(4);
  const differences = JSON.parse(found.stdout).tables.flatMap(
    (each: { table: string; differences: { key: string; kind: string; columns: string[] }[] }) =>
      each.differences.map(({ key, kind, columns }) => [
        each.table.split('.')[1],
        key,
        kind,
        columns.join(),
      ]),
  );
  expect(differences.sort()).toEqual([
    ['orders', '["7"]', 'missing', ''],
    ['orders', '["8"]', 'different', 'amount,note'],
    ['region', '["99"]', 'extra', ''],
    ['sales_by_day', '["north","2026-01-01"]', 'different', 'amount'],
  ]);
  const repaired = await project.run('repair', '--sink', 'serving');
  expect(repaired.exitCode, repaired.stdout + repaired.stderr).toBe(0);
  expect(repaired.stdout).toMatch(/orders: 2 keys sent again/);
  await expectSame(project);
}, 240_000);

test('a sink added later is filled from the warehouse, without the source', async () => {
  await using database = await openTestDatabase('mariadb');
  await using folder = await openTempFolder();
  await using store = await openPostgresDatabase();
  await createShop(database, 500);
  const project = await CdcProject.create(folder.path, database, { models });
  await project.succeed('init');
  const later = await CdcProject.create(folder.path, database, {
    // Nobody listens there.
    yaml: sinkYaml(database, store).replace(/ {2}port: \d+/, '  port: 1'),
    models,
  });
  const dry = await later.succeed('init', '--sink', 'serving', '--dry-run');
  expect(dry).toMatch(/CREATE TABLE .*"orders"/);
  expect((await store.client.query("SELECT to_regclass('orders') AS name")).rows).toEqual([
    { name: null },
  ]);
  const filled = JSON.parse(await later.succeed('init', '--sink', 'serving', '--json'));
  expect(filled.tables.length).toBe(7);
  await expectSame(later);
  // Begun anew on request, and refused for another project.
  await later.succeed('init', '--sink', 'serving', '--restart', '--tables', '*.orders');
  await expectSame(later);
  await using elsewhere = await openTempFolder();
  const foreign = await CdcProject.create(elsewhere.path, database, {
    yaml: sinkYaml(database, store),
    models,
  });
  const refused = await foreign.run('init');
  expect(refused.exitCode).toBe(3);
  expect(refused.stderr).toContain('CDC_SINK_FOREIGN');
}, 240_000);

test('a broken sink holds neither the warehouse nor another sink', async () => {
  await using database = await openTestDatabase('mariadb');
  await using folder = await openTempFolder();
  await using store = await openPostgresDatabase();
  await createShop(database, 300);
  const dead = `  - name: dead
    type: postgres
    host: 127.0.0.1
    port: 1
    user: nobody
    database: none
    tables: ['ads.*']
`;
  const project = await CdcProject.create(folder.path, database, {
    yaml: sinkYaml(database, store, dead),
    models,
  });
  const checked = await project.run('check');
  expect(checked.exitCode).toBe(1);
  expect(checked.stdout + checked.stderr).toMatch(/sink dead/);
  await CdcProject.create(folder.path, database, { yaml: sinkYaml(database, store), models });
  await project.succeed('init');
  await CdcProject.create(folder.path, database, {
    yaml: sinkYaml(database, store, dead),
    models,
  });
  await using run = new RunningCommand(project, 'run');
  await run.working();
  await database.connection.query("INSERT INTO region VALUES (7, 'far', NULL)");
  await waitUntil(
    'the living sink has the new row',
    async () => {
      const { rows } = await store.client.query('SELECT 1 FROM region WHERE id = 7');
      return rows.length === 1;
    },
    60_000,
  );
  await waitUntil(
    'the status names the broken sink',
    async () => {
      const status = JSON.parse(await project.succeed('status', '--json'));
      return status.sinks.some(
        ({ name, error }: { name: string; error?: { code: string } }) =>
          name === 'dead' && error?.code === 'CDC_SINK_UNREACHABLE',
      );
    },
    60_000,
  );
  const { exitCode, stderr } = await run.stop();
  expect(exitCode, stderr).toBe(0);
}, 240_000);

test('a row that the store refuses becomes a dead letter, and goes in when it is replayed', async () => {
  await using database = await openTestDatabase('mariadb');
  await using folder = await openTempFolder();
  await using store = await openPostgresDatabase();
  await createShop(database, 300);
  const project = await CdcProject.create(folder.path, database, {
    yaml: sinkYaml(database, store),
    models,
  });
  await project.succeed('init');
  await store.client.query("ALTER TABLE orders ADD CONSTRAINT no_bad CHECK (note <> 'bad')");
  await database.connection.query("UPDATE orders SET note = 'bad' WHERE id IN (5, 6)");
  await database.connection.query("UPDATE orders SET note = 'good' WHERE id = 9");
  await project.succeed('run', '--until-current');
  const good = await store.client.query("SELECT id::int FROM orders WHERE note = 'good'");
  expect(good.rows).toEqual([{ id: 9 }]);
  const letters = JSON.parse(
    await project.succeed('deadletter', 'list', '--sink', 'serving', '--json'),
  );
  expect(letters).toMatchObject([
    { table: `${database.name}.orders`, key: '["5"]', reason: expect.stringContaining('no_bad') },
    { table: `${database.name}.orders`, key: '["6"]', reason: expect.stringContaining('no_bad') },
  ]);
  const again = await project.run('deadletter', 'replay', '--sink', 'serving');
  expect(again.exitCode).toBe(3);
  await store.client.query('ALTER TABLE orders DROP CONSTRAINT no_bad');
  await project.succeed('deadletter', 'replay', '--sink', 'serving');
  expect(await project.succeed('deadletter', 'list', '--sink', 'serving')).toBe(
    'no dead letters\n',
  );
  await expectSame(project);
}, 240_000);
