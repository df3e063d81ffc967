import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { CdcProject, sourceYaml } from '../support/cdc-project.ts';
import { RunningCommand } from '../support/running-command.ts';
import { createShop } from '../support/shop.ts';
import { startShopTraffic } from '../support/shop-traffic.ts';
import { openTempFolder } from '../support/temp-folder.ts';
import { openTestDatabase } from '../support/test-database.ts';
import { openTestEngine } from '../support/test-engine.ts';
import { waitUntil } from '../support/wait-until.ts';

test('the template mysql-to-clickhouse fills a ClickHouse server with equal contents', async () => {
  await using database = await openTestDatabase('mariadb');
  await using folder = await openTempFolder();
  await using server = await openTestEngine();
  await createShop(database, 100);
  const { host, port, user, password } = database.options;
  const values = [
    ...[`host=${host}`, `port=${port}`, `user=${user}`, `tables=${database.name}.*`],
    ...[`url=http://127.0.0.1:${server.record.port}`, 'clickhouseUser=default'],
  ];
  const set = values.flatMap((value) => ['--set', value]);
  await new CdcProject(folder.path).succeed(
    'template',
    'new',
    'mysql-to-clickhouse',
    'own',
    ...set,
  );
  const project = new CdcProject(join(folder.path, 'own'));
  const secrets = `CDC_SOURCE_PASSWORD='${password}'\nCDC_CLICKHOUSE_PASSWORD='${server.record.password}'\n`;
  await writeFile(join(project.folder, '.env'), secrets);
  await project.succeed('check');
  await project.succeed('init');
  await database.connection.query(
    "UPDATE region SET manager = 'Eve' WHERE id = 2; DELETE FROM region WHERE id = 3; UPDATE orders SET status = 'refunded'",
  );
  await project.succeed('run', '--until-current');
  const report = JSON.parse(await project.succeed('verify', '--json'));
  expect(report.ok).toBe(true);
  expect(report.tables).toHaveLength(4);
  // And without anything of ours in between.
  const [source] = await database.connection.query('SELECT id, manager FROM region ORDER BY id');
  const stored = await server.engine.rows(
    `SELECT id, manager FROM ${database.name}.region ORDER BY id`,
  );
  expect(stored).toEqual((source as object[]).map((row) => ({ ...row })));
}, 180_000);

test('a ClickHouse sink has what the source has after kills in the middle of everything', async () => {
  await using database = await openTestDatabase('mariadb');
  await using folder = await openTempFolder();
  await using server = await openTestEngine();
  await createShop(database, 300);
  const project = await CdcProject.create(folder.path, database, {
    yaml: `name: test
${sourceYaml(database)}sinks:
  - name: reports
    type: clickhouse
    url: http://127.0.0.1:${server.record.port}
    password: ${JSON.stringify(server.record.password)}
    naming: '{database}.{table}'
    tables: ['${database.name}.*', 'dws.*']
    batchRows: 50
`,
    models: {
      'dws/by_status': 'SELECT status, count() AS orders FROM {db}.orders GROUP BY status\n',
    },
  });
  await project.succeed('init');
  await using traffic = await startShopTraffic(database, 5);
  await using run = new RunningCommand(project, 'run');
  const written = async () => {
    const sql = 'SELECT toString(sum(_version)) AS n FROM `_strata`.`_progress` FINAL';
    const [row] = await server.engine.rows<{ n: string }>(sql);
    return Number(row?.n);
  };
  for (let kill = 0; kill < 5; kill++) {
    const before = await written();
    await waitUntil('the sink has gone on', async () => (await written()) > before + kill, 60_000);
    await run.killAndStart();
  }
  expect(await traffic.stop()).toBeGreaterThan(5);
  await run.working();
  await run.stop();
  await project.succeed('run', '--until-current');
  await project.succeed('verify');
  await project.succeed('verify', '--sink', 'reports');
  const [source] = await database.connection.query(
    'SELECT count(*) AS n, CAST(sum(id) AS CHAR) AS ids, CAST(sum(amount) AS CHAR) AS amount FROM orders',
  );
  const stored = await server.engine.rows(
    `SELECT toInt32(count()) AS n, toString(sum(id)) AS ids, toDecimalString(sum(amount), 2) AS amount FROM ${database.name}.orders`,
  );
  expect(stored).toEqual((source as object[]).map((row) => ({ ...row })));
}, 600_000);
