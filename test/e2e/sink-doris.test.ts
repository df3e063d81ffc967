import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { CdcProject, sourceYaml } from '../support/cdc-project.ts';
import { DorisDouble } from '../support/doris-double/doris-double.ts';
import { RunningCommand } from '../support/running-command.ts';
import { createShop } from '../support/shop.ts';
import { startShopTraffic } from '../support/shop-traffic.ts';
import { openTempFolder } from '../support/temp-folder.ts';
import { openTestDatabase } from '../support/test-database.ts';
import { waitUntil } from '../support/wait-until.ts';

test('the template mysql-to-doris fills Doris with equal contents', async () => {
  await using database = await openTestDatabase('mariadb');
  await using folder = await openTempFolder();
  await using doris = await DorisDouble.open();
  await createShop(database, 100);
  const { host, port, user, password } = database.options;
  const values = [
    ...[`host=${host}`, `port=${port}`, `user=${user}`, `tables=${database.name}.*`],
    ...[`frontend=http://127.0.0.1:${doris.frontendPort}`, `queryPort=${doris.mysqlPort}`],
    ...['dorisUser=root', 'dorisDatabase=serving', 'replicas=1', 'everySeconds=0'],
  ];
  const set = values.flatMap((value) => ['--set', value]);
  await new CdcProject(folder.path).succeed('template', 'new', 'mysql-to-doris', 'own', ...set);
  const project = new CdcProject(join(folder.path, 'own'));
  const secrets = `CDC_SOURCE_PASSWORD='${password}'\nCDC_DORIS_PASSWORD='secret'\n`;
  await writeFile(join(project.folder, '.env'), secrets);
  await project.succeed('check');
  await project.succeed('init');
  await database.connection.query(
    "UPDATE region SET manager = 'Eve' WHERE id = 2; DELETE FROM region WHERE id = 3; UPDATE orders SET status = 'refunded'",
  );
  await project.succeed('run', '--until-current');
  const report = JSON.parse(await project.succeed('verify', '--sink', 'reports', '--json'));
  expect(report.ok).toBe(true);
  expect(report.tables).toHaveLength(4);
  // And without anything of ours in between.
  const [source] = await database.connection.query(
    'SELECT CAST(id AS CHAR) AS id, manager FROM region ORDER BY id',
  );
  const stored = doris.cluster.table('serving', 'region').rows;
  expect(stored.map((row) => ({ id: row.get('id'), manager: row.get('manager') }))).toEqual(
    (source as object[]).map((row) => ({ ...row })),
  );
}, 240_000);

test('a Doris sink has what the source has after kills of cdc and broken connections', async () => {
  await using database = await openTestDatabase('mariadb');
  await using folder = await openTempFolder();
  await using doris = await DorisDouble.open();
  await createShop(database, 200);
  const project = await CdcProject.create(folder.path, database, {
    yaml: `name: test
${sourceYaml(database)}sinks:
  - name: reports
    type: doris
    frontends: ['http://127.0.0.1:${doris.frontendPort}']
    queryPort: ${doris.mysqlPort}
    database: serving
    password: secret
    replicationNum: 1
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
  let asked = 0;
  doris.mishap = () => ++asked % 40 === 0;
  for (let kill = 0; kill < 5; kill++) {
    const before = doris.loads.length;
    await waitUntil('the sink has gone on', () => doris.loads.length > before + kill, 90_000);
    await run.killAndStart();
  }
  doris.mishap = () => false;
  expect(await traffic.stop()).toBeGreaterThan(5);
  await run.working();
  await run.stop();
  await project.succeed('run', '--until-current');
  await project.succeed('verify');
  await project.succeed('verify', '--sink', 'reports');
  const [[source]] = (await database.connection.query(
    'SELECT CAST(count(*) AS CHAR) AS orders, CAST(sum(id) AS CHAR) AS ids FROM orders',
  )) as unknown as [[{ orders: string; ids: string }]];
  const stored = doris.cluster.table('serving', 'orders').rows;
  const ids = stored.reduce((sum, row) => sum + Number(row.get('id')), 0);
  expect({ orders: String(stored.length), ids: String(ids) }).toEqual({ ...source });
}, 400_000);
