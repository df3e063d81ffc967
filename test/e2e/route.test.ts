import { describe, expect, test } from 'vitest';
import { CdcProject, finished } from '../support/cdc-project.ts';
import { openTempFolder } from '../support/temp-folder.ts';
import { openTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { waitUntil } from '../support/wait-until.ts';

async function createShards(database: TestDatabase): Promise<void> {
  const columns =
    'id BIGINT PRIMARY KEY, buyer INT NOT NULL, amount DECIMAL(10,2) NOT NULL, status VARCHAR(10) NULL, note TEXT NULL';
  await database.connection.query(`
    CREATE TABLE orders_0 (${columns}); CREATE TABLE orders_1 (${columns});
    CREATE TABLE users (id INT PRIMARY KEY, phone VARCHAR(20) NULL, email VARCHAR(40) NULL, born DATE NULL,
      price DECIMAL(8,3) NULL, secret TEXT NULL, name VARCHAR(20) NOT NULL);
    INSERT INTO users VALUES (1,'13800000001','a@b.c','2000-02-29',1.500,'s','Łódź'), (2,NULL,NULL,NULL,NULL,NULL,'x');
    INSERT INTO orders_0 VALUES (1,1,10,'paid','a'),(2,1,9.99,'paid',NULL),(3,2,20,'draft',NULL),(4,2,30,NULL,NULL);
    INSERT INTO orders_1 VALUES (1,7,100,'paid','other shard'),(5,7,50,'paid',NULL);`);
}

const rules = (name: string) => `
route:
  businesses:
    - name: sales
      tables: ['${name}.*']
      merge: [{ tables: '${name}.orders_*', into: ${name}.orders, shard: part, shardValue: '{table}' }]
  filter:
    - { tables: '${name}.orders_*', where: "status != 'draft' AND amount >= 10" }
  columns:
    - { tables: '${name}.orders_*', column: buyer, rename: buyer_id }
    - { tables: '${name}.users', column: phone, mask: '***' }
    - { tables: '${name}.users', columns: [email, born, price], hash: { salt: pepper } }
    - { tables: '${name}.users', column: secret, drop: true }
    - { tables: '${name}.users', column: name, truncate: 2 }
`;

async function ordersOf(project: CdcProject, database: TestDatabase): Promise<unknown[]> {
  const rows = await project.query<{ part: string; id: number }>(
    `SELECT part, id FROM ${database.name}.orders ORDER BY part, id`,
  );
  return rows.map(({ part, id }) => `${part} ${id}`);
}

describe.each(['mariadb', 'mysql'] as const)('routed tables on %s', (flavour) => {
  test('shards are merged, columns masked and hashed, rows filtered, and verify agrees', async () => {
    await using database = await openTestDatabase(flavour);
    await using folder = await openTempFolder();
    await createShards(database);
    const project = await CdcProject.create(folder.path, database, {
      source: rules(database.name),
      models: {
        'dwd/by_part': '-- @key part\nSELECT part, count() AS n FROM {db}.orders GROUP BY part',
      },
    });
    await project.succeed('check');
    await project.succeed('init');
    expect(await ordersOf(project, database)).toEqual(['orders_0 1', 'orders_1 1', 'orders_1 5']);
    expect(await project.query(`SELECT * FROM ${database.name}.users ORDER BY id`)).toEqual([
      {
        id: 1,
        phone: '***',
        // printf 'peppera@b.c' | sha256sum, and so on
        email: '0430ccee28a2ef77a5405f545d9fdcd5f34a6a949517df97fd8722289ffa1f33',
        born: expect.stringMatching(/^[0-9a-f]{64}$/),
        price: expect.stringMatching(/^[0-9a-f]{64}$/),
        name: 'Łó',
      },
      { id: 2, phone: null, email: null, born: null, price: null, name: 'x' },
    ]);

    await database.connection.query(`
      UPDATE orders_0 SET status = 'draft' WHERE id = 1;
      UPDATE orders_0 SET status = 'paid' WHERE id IN (2, 3, 4);
      UPDATE orders_1 SET amount = 1 WHERE id = 5;
      INSERT INTO orders_0 VALUES (9,1,5,'paid',NULL), (10,1,15,'paid',NULL);
      UPDATE users SET email = 'new@b.c', secret = 't', name = '中文字' WHERE id = 2;
      DELETE FROM users WHERE id = 1;`);
    await project.succeed('run', '--until-current');
    expect(await ordersOf(project, database)).toEqual([
      'orders_0 3',
      'orders_0 4',
      'orders_0 10',
      'orders_1 1',
    ]);
    expect(await project.query('SELECT * FROM dwd.by_part ORDER BY part')).toEqual([
      { part: 'orders_0', n: 3 },
      { part: 'orders_1', n: 1 },
    ]);
    const report = JSON.parse(await project.succeed('verify', '--json'));
    expect(report).toMatchObject({ ok: true, notVerified: [] });
    expect(report.tables.map((table: { source?: string }) => table.source)).toEqual([
      `${database.name}.orders_0`,
      `${database.name}.orders_1`,
      undefined,
    ]);

    // What empties one shard leaves the other, and so does reading it anew.
    await database.connection.query(`
      TRUNCATE orders_0; INSERT INTO orders_0 VALUES (77,1,15,'paid',NULL);`);
    await project.succeed('run', '--until-current');
    expect(await ordersOf(project, database)).toEqual(['orders_0 77', 'orders_1 1']);
    await project.succeed('init', '--tables', `${database.name}.orders_0`);
    expect(await ordersOf(project, database)).toEqual(['orders_0 77', 'orders_1 1']);

    // One shard after the other gets a column with a default.
    await database.connection.query(`
      ALTER TABLE orders_0 ADD COLUMN channel VARCHAR(9) NOT NULL DEFAULT 'app';
      UPDATE orders_1 SET note = 'x' WHERE id = 1;`);
    await project.succeed('run', '--until-current');
    expect(
      await project.query(`SELECT part, channel, note FROM ${database.name}.orders ORDER BY part`),
    ).toEqual([
      { part: 'orders_0', channel: 'app', note: null },
      { part: 'orders_1', channel: null, note: 'x' },
    ]);
    await database.connection.query(
      "ALTER TABLE orders_1 ADD COLUMN channel VARCHAR(9) NOT NULL DEFAULT 'web'",
    );
    await project.succeed('run', '--until-current');
    expect(
      await project.query(`SELECT part, channel FROM ${database.name}.orders ORDER BY part`),
    ).toEqual([
      { part: 'orders_0', channel: 'app' },
      { part: 'orders_1', channel: 'web' },
    ]);
    await project.succeed('verify');

    // A row broken by hand is found in its shard.
    await project.succeed(
      'query',
      `INSERT INTO _ods.\`${database.name}.orders\` SELECT * REPLACE (99 AS buyer_id) FROM _ods.\`${database.name}.orders\` FINAL WHERE part = 'orders_1'`,
    );
    const broken = await project.run('verify', '--json');
    expect(broken.exitCode).toBe(4);
    const differences = JSON.parse(broken.stdout).tables.map(
      (table: { differences: unknown[] }) => table.differences,
    );
    expect(differences).toMatchObject([
      [],
      [{ key: '["orders_1","1"]', kind: 'different', columns: ['buyer_id'] }],
      [],
    ]);
  }, 300_000);
});

test('rules that change make their tables be read again, and leave nothing behind', async () => {
  await using database = await openTestDatabase();
  await using folder = await openTempFolder();
  await createShards(database);
  await CdcProject.create(folder.path, database);
  const project = new CdcProject(folder.path);
  await project.succeed('init');
  const count = async (table: string) =>
    (await project.query(`SELECT count() AS n FROM ${database.name}.${table}`))[0];
  expect(await count('orders_0')).toEqual({ n: 4 });

  await CdcProject.create(folder.path, database, { source: rules(database.name) });
  // Alone, verify loads by itself: it follows the new rules first, and then compares.
  const verified = await project.run('verify', '--json');
  expect(JSON.parse(verified.stdout)).toMatchObject({ ok: true, notVerified: [] });
  expect(verified.stderr).toContain('The rules of tables have changed');
  expect(await ordersOf(project, database)).toEqual(['orders_0 1', 'orders_1 1', 'orders_1 5']);
  expect(await count('orders_0')).toEqual({ n: 0 });
  expect(await project.query(`SELECT phone FROM ${database.name}.users WHERE id = 1`)).toEqual([
    { phone: '***' },
  ]);
  await project.succeed('verify');

  await CdcProject.create(folder.path, database);
  await project.succeed('run', '--until-current');
  expect(await count('orders')).toEqual({ n: 0 });
  expect(await count('orders_0')).toEqual({ n: 4 });
  await database.connection.query('UPDATE orders_0 SET amount = 1 WHERE id = 1');
  await project.succeed('run', '--until-current');
  const report = JSON.parse(await project.succeed('verify', '--json'));
  expect(report).toMatchObject({ ok: true, notVerified: [] });
  expect(report.tables).toHaveLength(3);
}, 300_000);

test('a route that changes while cdc runs counts for the events behind it, and none is lost', async () => {
  await using database = await openTestDatabase();
  await using folder = await openTempFolder();
  const { name, connection } = database;
  await connection.query(`
    CREATE TABLE event_routes (event VARCHAR(20) PRIMARY KEY, business VARCHAR(40) NULL);
    CREATE TABLE events (id INT PRIMARY KEY, event VARCHAR(20) NULL);
    INSERT INTO event_routes VALUES ('click', 'ads');
    INSERT INTO events VALUES (1, 'click'), (2, 'view');`);
  const project = await CdcProject.create(folder.path, database, {
    source: `route:
  lookup:
    table: ${name}.event_routes
    key: event
    business: business
    event: { tables: '${name}.events', column: event }
    unmatched: drop
`,
  });
  await project.succeed('check');
  await project.succeed('init');
  const events = async () =>
    (await project.query<{ id: number }>(`SELECT id FROM ${name}.events ORDER BY id`)).map(
      ({ id }) => id,
    );
  expect(await events()).toEqual([1]);

  const running = project.start('run');
  const ended = finished(running);
  try {
    await connection.query(`
      INSERT INTO events VALUES (3, 'view');
      INSERT INTO event_routes VALUES ('view', 'web, ads');
      INSERT INTO events VALUES (4, 'view'), (5, NULL);
      DELETE FROM event_routes WHERE event = 'click';
      INSERT INTO events VALUES (6, 'click'), (7, 'view');
      UPDATE events SET event = 'click' WHERE id = 7;`);
    await waitUntil(
      'events are routed by the new routes',
      async () => (await events()).join() === '1,4',
      60_000,
    );
  } finally {
    running.kill('SIGTERM');
    await ended;
  }
  // Routes are remembered over a restart, and what they left out is counted.
  await connection.query("INSERT INTO events VALUES (8, 'view'), (9, 'click')");
  await project.succeed('run', '--until-current');
  expect(await events()).toEqual([1, 4, 8]);
  const status = JSON.parse(await project.succeed('status', '--json'));
  expect(status.unmatched).toEqual([{ table: `${name}.events`, rows: 6 }]);
  const report = JSON.parse(await project.succeed('verify', '--json'));
  expect(report.ok).toBe(true);
  expect(report.notVerified).toEqual([
    { table: `${name}.events`, reason: expect.stringContaining('route.lookup') },
  ]);
}, 300_000);

test('bad rules are refused by check with their places, all at once', async () => {
  await using database = await openTestDatabase();
  await using folder = await openTempFolder();
  await createShards(database);
  const { name } = database;
  const project = await CdcProject.create(folder.path, database, {
    source: `route:
  filter:
    - { tables: '${name}.users', where: "nam = 'x'" }
  columns:
    - { tables: '${name}.users', column: id, drop: true }
    - { tables: '${name}.users', column: fone, mask: '*' }
`,
  });
  const checked = await project.run('check');
  const lines = checked.stdout + checked.stderr;
  expect(checked.exitCode).toBe(3);
  expect(lines).toMatch(
    /cdc\.yaml:11:\d+.*character 1: \S+ has no column nam; did you mean name\?/,
  );
  expect(lines).toMatch(/cdc\.yaml:13:\d+.*column id is in the key/);
  expect(lines).toMatch(/cdc\.yaml:14:\d+.*has a column fone/);

  const broken = await CdcProject.create(folder.path, database, {
    source: `route:
  filter: [{ tables: '${name}.users', where: "name = " }]
  columns: [{ tables: '${name}.users', column: phone, mask: '*', hash: { salt: x } }]
`,
  });
  const refused = await broken.run('check');
  expect(refused.exitCode).toBe(2);
  expect(refused.stdout + refused.stderr).toMatch(
    /cdc\.yaml:10:\d+.*character 8: expected a column, a number or a text, found the end/,
  );
  expect(refused.stdout + refused.stderr).toMatch(/cdc\.yaml:11:\d+.*only one of drop, mask, hash/);
}, 120_000);
