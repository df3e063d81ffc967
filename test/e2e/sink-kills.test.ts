import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { CdcProject, sourceYaml } from '../support/cdc-project.ts';
import { DorisDouble } from '../support/doris-double/doris-double.ts';
import { dorisSettings } from '../support/doris-double/doris-options.ts';
import { openTestHive } from '../support/hive.ts';
import { pretendToBeHologres } from '../support/hologres.ts';
import { randomName, testKafka } from '../support/kafka.ts';
import { openPostgresDatabase } from '../support/postgres.ts';
import { Random } from '../support/random.ts';
import { testRedis } from '../support/redis.ts';
import { RunningCommand } from '../support/running-command.ts';
import { createShop } from '../support/shop.ts';
import { startShopTraffic } from '../support/shop-traffic.ts';
import { openTempFolder } from '../support/temp-folder.ts';
import { openTestDatabase } from '../support/test-database.ts';
import { openTestEngine } from '../support/test-engine.ts';

const kills = 50;
const seed = 11;

const models = {
  'dwd/order_wide': `SELECT o.id AS order_id, o.amount AS amount, o.status AS status, toDate(o.created_at) AS day,
  c.name AS customer, r.name AS region
FROM {db}.orders AS o
LEFT JOIN {db}.customer AS c ON c.id = o.customer_id
LEFT JOIN {db}.region AS r ON r.id = c.region_id
`,
  'ads/sales': `-- key: area, day
SELECT ifNull(region, 'unknown') AS area, day, sum(amount) AS amount, count() AS orders
FROM dwd.order_wide WHERE status = 'paid' GROUP BY area, day
`,
};

/** All kinds of sinks side by side in one process, which is killed with whatever each of them is doing. */
test(`every sink has what the warehouse has after ${kills} kills (seed ${seed})`, async () => {
  await using database = await openTestDatabase('mariadb');
  await using folder = await openTempFolder();
  await using server = await openTestEngine();
  await using postgres = await openPostgresDatabase();
  await using hologres = await openPostgresDatabase();
  await pretendToBeHologres(hologres.client);
  await using mariadb = await openTestDatabase('mariadb');
  await using mysql = await openTestDatabase('mysql');
  await using hive = await openTestHive();
  await using doris = await DorisDouble.open();
  const { brokers } = await testKafka();
  const redis = new URL(await testRedis());
  const postgresOf = ({ options }: typeof postgres) => {
    const { host, port, user, password, database: name } = options;
    return { host, port, user, password: password.reveal(), database: name };
  };
  const mysqlOf = ({ options }: typeof mysql) => {
    const { host, port, user, password, database: name } = options;
    return { host, port, user, password, database: name };
  };
  const tables = [`${database.name}.*`, 'ads.*'];
  const stores = [
    {
      name: 'olap',
      type: 'clickhouse',
      url: `http://127.0.0.1:${server.record.port}`,
      password: server.record.password,
      database: 'copies',
    },
    { name: 'postgres', type: 'postgres', ...postgresOf(postgres) },
    { name: 'hologres', type: 'hologres', ...postgresOf(hologres) },
    { name: 'mariadb', type: 'mysql', ...mysqlOf(mariadb) },
    { name: 'mysql', type: 'mysql', ...mysqlOf(mysql) },
    {
      name: 'cache',
      type: 'redis',
      host: redis.hostname,
      port: Number(redis.port),
      prefix: `${randomName('kills')}:`,
      overrides: [{ tables: '*.orders', settings: { indexes: [{ key: 'by:status:{status}' }] } }],
    },
    { name: 'files', type: 'files', folder: 'out/files' },
    { name: 'parquet', type: 'lake', path: 'out/parquet', everySeconds: 0, compactFiles: 4 },
    {
      name: 'delta',
      type: 'lake',
      path: 'out/delta',
      format: 'delta',
      everySeconds: 0,
      compactFiles: 4,
    },
    {
      name: 'iceberg',
      type: 'lake',
      path: 'out/iceberg',
      format: 'iceberg',
      everySeconds: 0,
      compactFiles: 4,
    },
    { name: 'topics', type: 'kafka', brokers, prefix: randomName('kills') },
    {
      name: 'hive',
      type: 'hive',
      ...{ host: hive.host, port: hive.port, database: hive.database, auth: 'nosasl' },
      files: { type: 'local', path: hive.folder },
      everySeconds: 0,
      compactFiles: 4,
    },
    { ...dorisSettings(doris), name: 'doris' },
  ];
  const sinks = stores.map((store) => ({ ...store, tables }));
  const project = await CdcProject.create(folder.path, database, {
    yaml: `name: test\n${sourceYaml(database)}sinks: ${JSON.stringify(sinks)}\n`,
    models,
  });
  await createShop(database, 400);
  await project.succeed('init');
  const random = new Random(seed);
  {
    await using traffic = await startShopTraffic(database, seed);
    await using run = new RunningCommand(project, 'run');
    for (let kill = 0; kill < kills; kill++) {
      // Most of a start is over after a second; then everything writes.
      await delay(random.between(600, 5_000));
      await run.killAndStart();
    }
    expect(await traffic.stop()).toBeGreaterThan(100);
    await run.working();
    const { exitCode, stderr } = await run.stop();
    expect(exitCode, stderr).toBe(0);
  }
  await project.succeed('run', '--until-current');
  const report = JSON.parse(await project.succeed('verify', '--json'));
  expect(report.ok).toBe(true);
  for (const { name } of stores) {
    const verified = await project.run('verify', '--sink', name, '--json');
    expect(verified.exitCode, `${name}: ${verified.stdout}${verified.stderr}`).toBe(0);
    expect(JSON.parse(verified.stdout).tables, name).toHaveLength(5);
  }
}, 900_000);
