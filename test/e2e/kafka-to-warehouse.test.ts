import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { CdcProject, finished } from '../support/cdc-project.ts';
import { randomName, testKafka } from '../support/kafka.ts';
import { Random } from '../support/random.ts';
import { openTempFolder } from '../support/temp-folder.ts';
import {
  canalValue,
  debeziumKey,
  debeziumValue,
  filebeatValue,
  maxwellValue,
  nginxLine,
  orderFields,
  unscaled,
} from '../support/tool-messages.ts';
import { type TopicMessage, TopicWriter } from '../support/topic-writer.ts';
import { waitUntil } from '../support/wait-until.ts';

async function createProject(
  folder: string,
  yaml: string,
  models: Readonly<Record<string, string>> = {},
): Promise<CdcProject> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'cdc.yaml'), yaml);
  for (const [name, sql] of Object.entries(models)) {
    const file = join(folder, 'layers', `${name}.sql`);
    await mkdir(join(file, '..'), { recursive: true });
    await writeFile(file, sql);
  }
  return new CdcProject(folder);
}

/** The rows of several queries, read by one command. */
async function queryAll<K extends string>(
  project: CdcProject,
  queries: Readonly<Record<K, string>>,
): Promise<Record<K, object[]>> {
  const parts = Object.entries<string>(queries).map(
    ([name, sql]) =>
      `SELECT '${name}' AS name, formatRowNoNewline('JSONEachRow', *) AS row FROM (${sql})`,
  );
  const rows = await project.query<{ name: K; row: string }>(parts.join(' UNION ALL '));
  const found = (name: string) => rows.filter((row) => row.name === name);
  return Object.fromEntries(
    Object.keys(queries).map((name) => [name, found(name).map(({ row }) => JSON.parse(row))]),
  ) as Record<K, object[]>;
}

const revenue = `-- key: customer
-- description: Orders of each customer.
SELECT ifNull(customer, '') AS customer, count() AS orders, sum(amount) AS revenue
FROM shop.orders GROUP BY customer`;

test('topics of every tool become tables and models, and the same ones again from zero', async () => {
  await using folder = await openTempFolder();
  const connection = await testKafka();
  await using writer = await TopicWriter.open(connection);
  const name = randomName('tools');
  const topics = ['orders', 'maxwell', 'canal', 'logs', 'app'].map((each) => `${name}.${each}`);
  const [orders = '', maxwell = '', canal = '', logs = '', app = ''] = topics;
  await writer.createTopic(orders, 2);
  for (const topic of topics.slice(1)) await writer.createTopic(topic);

  const order = (id: number, customer: string, cents: number) => ({
    id,
    customer,
    amount: unscaled(cents),
    at: 1769860800123456,
  });
  const debezium = (
    change: Parameters<typeof debeziumValue>[0],
    id: number,
    partition: number,
  ) => ({
    value: debeziumValue(change, orderFields),
    key: debeziumKey(id, true),
    partition,
  });
  await writer.write(orders, [
    debezium({ op: 'r', after: order(1, 'ann', 1250), pos: 157 }, 1, 0),
    debezium({ op: 'r', after: order(2, 'bob', -75), pos: 157 }, 2, 1),
    debezium({ op: 'c', after: order(3, 'ann', 100), pos: 900 }, 3, 1),
    debezium(
      { op: 'u', before: order(1, 'ann', 1250), after: order(1, 'ann', 1300), pos: 1000 },
      1,
      0,
    ),
    debezium({ op: 'd', before: order(2, 'bob', -75), after: null, pos: 1100 }, 2, 1),
    { value: null, key: debeziumKey(2, true), partition: 1 },
    // A replay of an older change does not win.
    debezium({ op: 'u', before: order(1, 'ann', 0), after: order(1, 'ann', 999), pos: 500 }, 1, 0),
    { value: 'this is no JSON', key: null, partition: 0 },
  ]);
  await writer.write(maxwell, [
    { value: maxwellValue('bootstrap-insert', 'stock', { sku: 'x', left: 3 }) },
    { value: maxwellValue('insert', 'stock', { sku: 'y', left: 9 }) },
    { value: maxwellValue('update', 'stock', { sku: 'x', left: 2 }, { old: { left: 3 } }) },
    { value: maxwellValue('delete', 'stock', { sku: 'y', left: 9 }) },
    { value: maxwellValue('insert', 'other', { id: 1 }) },
  ]);
  await writer.write(canal, [
    {
      value: canalValue('INSERT', [
        { id: '1', customer: 'x', amount: '1.50' },
        { id: '2', customer: 'y', amount: '2.50' },
      ]),
    },
    {
      value: canalValue('UPDATE', [{ id: '2', customer: 'z', amount: '2.50' }], {
        old: [{ customer: 'y' }],
      }),
    },
    { value: canalValue('DELETE', [{ id: '1', customer: 'x', amount: '1.50' }]) },
  ]);
  await writer.write(logs, [
    { value: filebeatValue(nginxLine, 100) },
    { value: filebeatValue(nginxLine.replace('200', '500'), 200) },
  ]);
  await writer.write(app, [
    {
      value: JSON.stringify({
        id: 1,
        paid: true,
        user: { city: 'Wuhan' },
        tags: ['a', 1],
        createdAt: '2026-01-31T10:00:00.5Z',
      }),
    },
    {
      value: JSON.stringify({
        id: 2,
        paid: false,
        user: { city: null },
        tags: [],
        createdAt: '2026-01-31T11:00:00Z',
      }),
    },
    {
      value: JSON.stringify({
        id: 1,
        paid: false,
        user: { city: 'Wuhan' },
        tags: null,
        createdAt: '2026-01-31T10:00:00.5Z',
      }),
    },
  ]);

  const project = await createProject(
    folder.path,
    `name: tools
# a comment that stays
source:
  type: kafka
  brokers: [${connection.brokers.join(', ')}]
  tables:
    - topic: ${orders}
      table: shop.orders # renamed by nobody
      format: debezium
    - { topic: ${canal}, table: canal.orders, format: canal, messageTable: shop.orders }
`,
    { 'dws/revenue': revenue },
  );
  // The others are inferred.
  const listed = JSON.parse(await project.succeed('topics', name, '--json')) as {
    topics: { topic: string; isTaken: boolean; tables: { format: string; table: string }[] }[];
  };
  expect(
    listed.topics.map(({ topic, isTaken, tables }) => [topic, isTaken, tables[0]?.format]),
  ).toEqual([
    [app, false, 'json'],
    [canal, true, 'canal'],
    [logs, false, 'filebeat'],
    [maxwell, false, 'maxwell'],
    [orders, true, 'debezium'],
  ]);
  await project.succeed(
    'topics',
    'add',
    maxwell,
    '--table',
    'shop.stock',
    '--key',
    'sku',
    '--owner',
    'depot',
  );
  await project.succeed('topics', 'add', logs, '--table', 'web.access');
  await project.succeed(
    'topics',
    'add',
    app,
    '--table',
    'app.payments',
    '--description',
    'Payments.',
  );
  const yaml = await readFile(join(folder.path, 'cdc.yaml'), 'utf8');
  expect(yaml).toContain('# a comment that stays');
  expect(yaml).toContain('# renamed by nobody');
  expect(yaml).toMatch(/owner: depot/);

  await project.succeed('check');
  await project.succeed('init');

  const everything = () =>
    queryAll(project, {
      orders: 'SELECT id, customer, amount, toString(at) AS at FROM shop.orders ORDER BY id',
      stock: 'SELECT * FROM shop.stock ORDER BY sku',
      canal: 'SELECT * FROM canal.orders ORDER BY id',
      logs: 'SELECT * FROM web.access ORDER BY _offset',
      app: 'SELECT * FROM app.payments ORDER BY id',
      revenue: 'SELECT * FROM dws.revenue ORDER BY customer',
      letters:
        'SELECT queue, partition, offset, message FROM _ods.dead_letters FINAL ORDER BY queue DESC',
    });
  const before = await everything();
  expect(before.orders).toEqual([
    { id: 1, customer: 'ann', amount: 13, at: '2026-01-31 12:00:00.123456' },
    { id: 3, customer: 'ann', amount: 1, at: '2026-01-31 12:00:00.123456' },
  ]);
  expect(before.stock).toEqual([{ sku: 'x', left: 2 }]);
  expect(before.canal).toEqual([{ id: 2, customer: 'z', amount: 2.5 }]);
  expect(before.logs).toMatchObject([
    {
      message: nginxLine,
      host: 'web-1',
      file: '/var/log/nginx/access.log',
      file_offset: 100,
      _partition: 0,
      _offset: 0,
    },
    { file_offset: 200, _offset: 1 },
  ]);
  expect(before.app).toMatchObject([
    { id: 1, paid: 0, user_city: 'Wuhan', tags: null, createdAt: '2026-01-31 10:00:00.500000' },
    { id: 2, paid: 0, user_city: null, tags: '[]' },
  ]);
  expect(before.revenue).toEqual([{ customer: 'ann', orders: 2, revenue: 14 }]);

  expect(before.letters).toEqual([
    { queue: orders, partition: 0, offset: 3, message: 'this is no JSON' },
    {
      queue: maxwell,
      partition: 0,
      offset: 4,
      message: maxwellValue('insert', 'other', { id: 1 }),
    },
  ]);

  // Rows that come later, from a partition that was behind, reach the model too.
  await writer.write(orders, [
    debezium({ op: 'c', after: order(4, 'cid', 500), pos: 200 }, 4, 1),
    debezium({ op: 'd', before: order(3, 'ann', 100), after: null, pos: 2000 }, 3, 1),
  ]);
  await project.succeed('run', '--until-current');
  const after = await everything();
  expect(after.revenue).toEqual([
    { customer: 'ann', orders: 1, revenue: 13 },
    { customer: 'cid', orders: 1, revenue: 5 },
  ]);

  await project.removeState();
  await project.succeed('init');
  expect(await everything()).toEqual(after);

  // Reading one table anew, and everything anew, leads to the same rows.
  await project.succeed('init', '--tables', 'shop.orders');
  expect(await everything()).toEqual(after);
  await project.succeed('init', '--restart');
  expect(await everything()).toEqual(after);

  // A truncate empties what both partitions brought, in the model as well.
  const truncate = { value: debeziumValue({ op: 't', pos: 5000 }, orderFields), partition: 0 };
  await writer.write(orders, [
    truncate,
    debezium({ op: 'c', after: order(9, 'dan', 700), pos: 5100 }, 9, 1),
  ]);
  await project.succeed('run', '--until-current');
  expect(await everything()).toMatchObject({
    orders: [{ id: 9, customer: 'dan' }],
    revenue: [{ customer: 'dan', orders: 1, revenue: 7 }],
  });

  const verify = await project.run('verify');
  expect(verify.exitCode).toBe(2);
  expect(verify.stderr).toContain('its source is topics');
}, 400_000);

test('kills at any moment, partitions far apart and a changed schema block lose nothing and double nothing', async () => {
  await using folder = await openTempFolder();
  const connection = await testKafka();
  await using writer = await TopicWriter.open(connection);
  const topic = `${randomName('kills')}.shop.orders`;
  await writer.createTopic(topic, 3);
  const project = await createProject(
    folder.path,
    `name: kills
source:
  type: kafka
  brokers: [${connection.brokers.join(', ')}]
  discoverySeconds: 1
  tables:
    - { topic: ${topic}, table: shop.orders, format: debezium }
`,
    { 'dws/revenue': revenue },
  );
  const shop = new ShopChanges(new Random(11));
  await writer.write(topic, shop.changes(500));
  await project.succeed('init');

  let kills = 0;
  for (const round of [1, 2, 3, 4]) {
    const running = project.start('run');
    const ended = finished(running);
    for (let part = 0; part < 5; part++) await writer.write(topic, shop.changes(400));
    if (round === 2) shop.addStars();
    if (round === 3) await writer.addPartitions(topic, 4).then(() => shop.setPartitions(4));
    // Somewhere in the middle: the run shows that it has begun by its status.
    await waitUntil(
      'the run has taken something in',
      async () => {
        const status = JSON.parse(await project.succeed('status', '--json')) as {
          running: object | null;
          rows: { total: number };
        };
        return status.running !== null && status.rows.total > 0;
      },
      60_000,
    );
    await writer.write(topic, shop.changes(400));
    running.kill('SIGKILL');
    await ended;
    kills++;
  }
  await project.succeed('run', '--until-current');
  expect(kills).toBe(4);
  const rows = await project.query(
    'SELECT id, customer, amount, stars FROM shop.orders ORDER BY id',
  );
  expect(rows).toEqual(shop.rows());
  const sums = await project.query('SELECT * FROM dws.revenue ORDER BY customer');
  expect(sums).toEqual(shop.revenue());
}, 400_000);

interface ShopOrder {
  readonly id: number;
  readonly customer: string;
  readonly cents: number;
  readonly stars: number | null;
}

/** Changes of a table as Debezium would write them, keyed to partitions, and what the table then is. */
class ShopChanges {
  readonly #random: Random;
  readonly #orders = new Map<number, ShopOrder>();
  #nextId = 1;
  #pos = 1_000;
  #partitions = 3;
  #hasStars = false;
  /** A key stays in its partition when partitions are added: new ones get new keys only. */
  readonly #partitionOf = new Map<number, number>();

  constructor(random: Random) {
    this.#random = random;
  }

  addStars(): void {
    this.#hasStars = true;
  }

  setPartitions(count: number): void {
    this.#partitions = count;
  }

  changes(count: number): TopicMessage[] {
    return Array.from({ length: count }, () => this.#change()).flat();
  }

  rows(): object[] {
    return [...this.#orders.values()]
      .toSorted((left, right) => left.id - right.id)
      .map(({ id, customer, cents, stars }) => ({ id, customer, amount: cents / 100, stars }));
  }

  revenue(): object[] {
    const sums = new Map<string, { orders: number; cents: number }>();
    for (const { customer, cents } of this.#orders.values()) {
      const known = sums.get(customer) ?? { orders: 0, cents: 0 };
      sums.set(customer, { orders: known.orders + 1, cents: known.cents + cents });
    }
    return [...sums]
      .toSorted(([left], [right]) => (left < right ? -1 : 1))
      .map(([customer, { orders, cents }]) => ({ customer, orders, revenue: cents / 100 }));
  }

  #change(): TopicMessage[] {
    this.#pos += 100;
    const ids = [...this.#orders.keys()];
    const kind = ids.length === 0 ? 0 : this.#random.between(0, 9);
    const id = kind < 5 ? this.#nextId++ : (ids[this.#random.between(0, ids.length - 1)] ?? 1);
    const before = this.#orders.get(id);
    if (kind === 9) {
      this.#orders.delete(id);
      return [this.#message(id, 'd', before, undefined), this.#tombstone(id)];
    }
    const after: ShopOrder = {
      id,
      customer: `c${this.#random.between(0, 20)}`,
      cents: this.#random.between(-10_000, 10_000),
      stars: this.#hasStars ? this.#random.between(0, 5) : null,
    };
    this.#orders.set(id, after);
    return [this.#message(id, before === undefined ? 'c' : 'u', before, after)];
  }

  #message(id: number, op: 'c' | 'u' | 'd', before?: ShopOrder, after?: ShopOrder): TopicMessage {
    const image = (order: ShopOrder | undefined) =>
      order === undefined
        ? null
        : {
            id: order.id,
            customer: order.customer,
            amount: unscaled(order.cents),
            at: 1769860800000000,
            ...(this.#hasStars && { stars: order.stars }),
          };
    const stars = { type: 'int16', optional: true, field: 'stars' };
    const fields = this.#hasStars ? [...orderFields, stars] : orderFields;
    const change = { op, before: image(before), after: image(after), pos: this.#pos };
    return {
      value: debeziumValue(change, fields),
      key: debeziumKey(id, true),
      partition: this.#partition(id),
    };
  }

  #tombstone(id: number): TopicMessage {
    return { value: null, key: debeziumKey(id, true), partition: this.#partition(id) };
  }

  #partition(id: number): number {
    const known = this.#partitionOf.get(id) ?? id % this.#partitions;
    this.#partitionOf.set(id, known);
    return known;
  }
}
