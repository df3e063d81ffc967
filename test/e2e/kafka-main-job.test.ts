import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createConnection, type RowDataPacket } from 'mysql2/promise';
import { describe, expect, test } from 'vitest';
import { CdcProject, finished } from '../support/cdc-project.ts';
import { type DebeziumRow, readDebeziumTopics } from '../support/debezium-consumer.ts';
import { randomName, testKafka } from '../support/kafka.ts';
import { Random } from '../support/random.ts';
import { createShop, shopModels } from '../support/shop.ts';
import { keepShopBusy } from '../support/shop-traffic.ts';
import { openTempFolder } from '../support/temp-folder.ts';
import { openTestDatabase, type TestDatabase } from '../support/test-database.ts';

function yamlOf(database: TestDatabase, brokers: readonly string[], prefix: string): string {
  const { host, port, user, password } = database.options;
  return `
name: test
source:
  type: mysql
  host: ${host}
  port: ${port}
  user: ${user}
  password: ${JSON.stringify(password)}
  tables: ['${database.name}.*']
route:
  businesses: [{ name: shop, tables: ['${database.name}.*'] }]
log:
  type: kafka
  brokers: [${brokers.join(', ')}]
  prefix: ${prefix}
  compression: gzip
`;
}

describe.each(['mariadb', 'mysql'] as const)('the main job through Kafka on %s', (flavour) => {
  test('source, topics, warehouse and layers agree after traffic, and again from the topics alone', async () => {
    await using database = await openTestDatabase(flavour);
    await using folder = await openTempFolder();
    await createShop(database);
    const { brokers } = await testKafka();
    const prefix = randomName('main');
    const yaml = yamlOf(database, brokers, prefix);
    const project = await CdcProject.create(folder.path, database, { models: shopModels, yaml });
    await project.succeed('check');
    await project.succeed('init');
    const stop = new AbortController();
    const traffic = await createConnection(database.options);
    const running = project.start('run');
    const ended = finished(running);
    const busy = keepShopBusy(traffic, new Random(3), stop.signal);
    await delay(4_000);
    await traffic.query('ALTER TABLE region ADD COLUMN level INT NULL');
    await delay(2_000);
    stop.abort();
    expect(await busy).toBeGreaterThan(50);
    await traffic.end();
    running.kill('SIGINT');
    expect((await ended).exitCode).toBe(0);
    await project.succeed('run', '--until-current');
    await expectVerified(project);

    // A consumer that knows Debezium's format only rebuilds the tables from the topics.
    const topics = ['region', 'customer', 'orders', 'item'].map(
      (table) => `${prefix}.shop.${table}`,
    );
    const read = await readDebeziumTopics(brokers, topics);
    for (const table of ['region', 'customer', 'orders', 'item']) {
      const rows = [...(read.tables.get(table)?.values() ?? [])].map(textOf).toSorted();
      expect(rows, table).toEqual(await sourceRows(database, table));
    }

    // Without its state and warehouse, the project loads everything from the topics.
    await rm(join(folder.path, '.cdc'), { recursive: true });
    await project.succeed('run', '--until-current');
    await expectVerified(project);
  }, 300_000);
});

async function expectVerified(project: CdcProject): Promise<void> {
  const report = JSON.parse(await project.succeed('verify', '--json'));
  expect(report.ok).toBe(true);
  expect(report.tables).toHaveLength(4);
}

/** A row as Debezium writes it, as one text: fields in the order of their names. */
function textOf(row: DebeziumRow): string {
  return JSON.stringify(Object.entries(row).toSorted(([left], [right]) => (left < right ? -1 : 1)));
}

const expressions: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  region: { id: 'id', name: 'name', manager: 'manager', level: 'level' },
  customer: {
    id: 'id',
    name: 'name',
    region_id: 'region_id',
    born: "DATEDIFF(born, '1970-01-01')",
  },
  orders: {
    id: 'id',
    customer_id: 'customer_id',
    amount: 'CAST(amount AS CHAR)',
    status: 'CAST(status AS CHAR)',
    note: 'note',
    created_at: "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', created_at) DIV 1000",
    updated_at: "DATE_FORMAT(updated_at, '%Y-%m-%dT%H:%i:%s.%fZ')",
  },
  item: {
    order_id: 'order_id',
    line: 'line',
    sku: 'sku',
    qty: 'qty',
    price: 'price',
    extra: 'CAST(extra AS CHAR)',
  },
};

async function sourceRows(database: TestDatabase, table: string): Promise<string[]> {
  const { connection } = database;
  await connection.query("SET time_zone = '+00:00'");
  const columns = Object.entries(expressions[table] ?? {});
  const [found] = await connection.query<RowDataPacket[]>(`DESCRIBE ${table}`);
  const present = columns.filter(([name]) => found.some((column) => column['Field'] === name));
  const list = present.map(([name, expression]) => `${expression} AS \`${name}\``).join(', ');
  const [rows] = await connection.query<RowDataPacket[]>(`SELECT ${list} FROM ${table}`);
  return rows.map(textOf).toSorted();
}
