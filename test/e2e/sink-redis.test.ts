import { appendFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { CdcProject } from '../support/cdc-project.ts';
import { randomName } from '../support/kafka.ts';
import { openRedisClient, type RedisClient, testRedis } from '../support/redis.ts';
import { RunningCommand } from '../support/running-command.ts';
import { createShop } from '../support/shop.ts';
import { startShopTraffic } from '../support/shop-traffic.ts';
import { openTempFolder } from '../support/temp-folder.ts';
import { openTestDatabase, type TestDatabase } from '../support/test-database.ts';

/** What the README of the template names as an example, for the tables of the shop. */
const overrides = (database: string) => `    overrides:
      - tables: ${database}.orders
        settings:
          key: orders:{id}
          value: json
          indexes:
            - key: orders:by:customer_id:{customer_id}
            - { key: 'orders:ranked:{status}', member: '{id}', score: amount }
`;

async function rowsOf<T>({ connection }: TestDatabase, sql: string): Promise<T[]> {
  const [rows] = await connection.query({ sql, dateStrings: true });
  return rows as T[];
}

async function allHashes(client: RedisClient, pattern: string): Promise<object[]> {
  const keys = await client.keys(pattern);
  const hashes = await Promise.all(keys.map((key) => client.hGetAll(key)));
  return hashes.map(({ _version: _, ...fields }) => ({ ...fields }));
}

test('a project from the template mysql-to-redis has the rows of MySQL, also in its indexes', async () => {
  await using source = await openTestDatabase('mariadb');
  await using folder = await openTempFolder();
  await createShop(source, 300);
  const redis = new URL(await testRedis());
  const prefix = `${randomName('shop')}:`;
  const { host, port, user, password } = source.options;
  const values = [
    ...[`host=${host}`, `port=${port}`, `user=${user}`, `tables=${source.name}.*`],
    ...[`sinkHost=${redis.hostname}`, `sinkPort=${redis.port || 6379}`, `sinkPrefix=${prefix}`],
    ...(redis.pathname.length > 1 ? [`sinkDatabase=${redis.pathname.slice(1)}`] : []),
  ];
  const set = values.flatMap((value) => ['--set', value]);
  await new CdcProject(folder.path).succeed('template', 'new', 'mysql-to-redis', 'own', ...set);
  const project = new CdcProject(join(folder.path, 'own'));
  const secrets = `CDC_SOURCE_PASSWORD='${password}'\nCDC_SINK_PASSWORD='${redis.password}'\n`;
  await writeFile(join(project.folder, '.env'), secrets);
  await appendFile(join(project.folder, 'cdc.yaml'), overrides(source.name));
  await project.succeed('check');
  await project.succeed('init');
  {
    await using run = new RunningCommand(project, 'run');
    await using traffic = await startShopTraffic(source, 5);
    await run.working();
    await source.connection.query('ALTER TABLE orders ADD COLUMN city VARCHAR(40) NULL');
    await source.connection.query("UPDATE orders SET city = '武汉' WHERE id % 3 = 0");
    await run.killAndStart();
    await run.working();
    expect(await traffic.stop()).toBeGreaterThan(5);
    expect((await run.stop()).exitCode).toBe(0);
  }
  await project.succeed('run', '--until-current');
  await project.succeed('verify');
  await project.succeed('verify', '--sink', 'cache');

  // And without anything of ours in between.
  using client = await openRedisClient();
  const byId = (left: object, right: object) =>
    Number((left as { id: string }).id) - Number((right as { id: string }).id);
  const customers = await rowsOf<object>(
    source,
    `SELECT * FROM ${source.name}.customer ORDER BY id`,
  );
  const expected = customers.map((row) =>
    Object.fromEntries(
      Object.entries(row).flatMap(([name, value]) =>
        value === null ? [] : [[name, String(value)]],
      ),
    ),
  );
  expect((await allHashes(client, `${prefix}customer:*`)).sort(byId)).toEqual(expected);

  const orders = await rowsOf<{
    id: number;
    customer: number;
    note: string | null;
    city: string | null;
    status: string;
    amount: string;
  }>(
    source,
    `SELECT id, customer_id AS customer, note, city, status, amount FROM ${source.name}.orders ORDER BY id`,
  );
  const found = await Promise.all(
    orders.map(async ({ id }) => JSON.parse((await client.get(`${prefix}orders:${id}`)) ?? '{}')),
  );
  expect(found.map(({ id, note, city, status }) => [id, note, city ?? null, status])).toEqual(
    orders.map(({ id, note, city, status }) => [String(id), note, city, status]),
  );
  const customer = orders[0]?.customer ?? 0;
  const own = orders
    .filter((order) => order.customer === customer)
    .map(({ id }) => `${prefix}orders:${id}`);
  expect((await client.sMembers(`${prefix}orders:by:customer_id:${customer}`)).sort()).toEqual(
    own.sort(),
  );
  const ranked = await client.zRangeWithScores(`${prefix}orders:ranked:paid`, 0, -1);
  const paid = orders.filter(({ status }) => status === 'paid');
  expect(new Map(ranked.map(({ value, score }) => [value, score]))).toEqual(
    new Map(paid.map(({ id, amount }) => [String(id), Number(amount)])),
  );
}, 240_000);
