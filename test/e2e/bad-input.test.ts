import { mkdir, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CdcProject, finished } from '../support/cdc-project.ts';
import { createShop, shopModels } from '../support/shop.ts';
import { openTempFolder } from '../support/temp-folder.ts';
import { openTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { waitUntil } from '../support/wait-until.ts';

type Options = Parameters<typeof CdcProject.create>[2];

/** What the message of each kind of bad input must hold: what, why, and what to do. */
const cases: {
  name: string;
  command: string[];
  options: (database: TestDatabase) => Options;
  exitCode: number;
  says: RegExp[];
}[] = [
  {
    name: 'an unknown key in the project file',
    command: ['check'],
    options: () => ({ source: '  chunkrows: 5' }),
    exitCode: 2,
    says: [/cdc\.yaml:\d+:\d+/, /chunkrows/],
  },
  {
    name: 'a value of the wrong type',
    command: ['check'],
    options: () => ({ source: '  serverId: many' }),
    exitCode: 2,
    says: [/cdc\.yaml:\d+:\d+/, /source\.serverId/, /number/],
  },
  {
    name: 'a server that does not answer',
    command: ['init'],
    options: () => ({ yaml: yamlFor('port: 1') }),
    exitCode: 1,
    says: [/CDC_SOURCE_UNREACHABLE/, /127\.0\.0\.1:1/],
  },
  {
    name: 'a wrong password',
    command: ['init'],
    options: ({ options }) => ({ yaml: yamlFor(`port: ${options.port}`, 'wrong') }),
    exitCode: 3,
    says: [/CDC_SOURCE_ACCESS_DENIED/, /nobody/],
  },
  {
    name: 'a table that is not there',
    command: ['init', '--tables', 'nowhere.nothing'],
    options: () => ({}),
    exitCode: 3,
    says: [/CDC_TABLE_NOT_FOUND/, /nowhere\.nothing/],
  },
  {
    name: 'broken SQL in a layer file',
    command: ['init'],
    options: () => ({ models: { 'dwd/broken': 'SELECT id, FROM {db}.orders WHERE' } }),
    exitCode: 2,
    says: [/broken\.sql:\d+:\d+/],
  },
  {
    name: 'a column that does not exist, with the nearest name',
    command: ['check'],
    options: () => ({ models: { 'dwd/typo': 'SELECT id, ammount FROM {db}.orders' } }),
    exitCode: 2,
    says: [/typo\.sql:\d+:\d+/, /ammount/, /amount/],
  },
  {
    name: 'SQL whose result depends on the clock',
    command: ['init'],
    options: () => ({ models: { 'dwd/clock': 'SELECT id, now() AS seen FROM {db}.orders' } }),
    exitCode: 2,
    says: [/clock\.sql:\d+:\d+/, /now changes with the clock/],
  },
  {
    name: 'run before init',
    command: ['run'],
    options: () => ({}),
    exitCode: 3,
    says: [/CDC_NOT_INITIALIZED/, /cdc init/],
  },
];

function yamlFor(address: string, password = ''): string {
  return `name: test\nsource:\n  type: mysql\n  ${address}\n  user: nobody\n  password: '${password}'\n  tables: ['a.*']\n`;
}

describe('bad input', () => {
  test.each(cases)(
    '$name: says what, why and what to do',
    async (bad) => {
      await using database = await openTestDatabase();
      await using folder = await openTempFolder();
      await createShop(database, 10);
      const project = await CdcProject.create(folder.path, database, bad.options(database));
      const { exitCode, stdout, stderr } = await project.run(...bad.command);
      const output = stdout + stderr;
      for (const expression of bad.says) expect(output).toMatch(expression);
      expect(output).not.toMatch(/\n\s+at .*\.js:\d+/);
      expect(exitCode).toBe(bad.exitCode);
    },
    60_000,
  );

  test('a table without a primary key is named by check and stops init', async () => {
    await using database = await openTestDatabase();
    await using folder = await openTempFolder();
    await database.connection.query('CREATE TABLE keyless (a INT, b INT)');
    const project = await CdcProject.create(folder.path, database);
    for (const command of ['check', 'init']) {
      const { exitCode, stdout, stderr } = await project.run(command);
      expect(stdout + stderr).toMatch(/keyless/);
      expect(stdout + stderr).toMatch(/ADD PRIMARY KEY|primary key/);
      expect(exitCode).toBe(3);
    }
  }, 60_000);

  test('a missing grant is named with the statement that gives it', async () => {
    await using database = await openTestDatabase();
    await using folder = await openTempFolder();
    await createShop(database, 10);
    const user = `u_${database.name}`;
    await database.connection.query(
      `CREATE USER ${user}@'%' IDENTIFIED BY 'pass'; GRANT SELECT ON ${database.name}.* TO ${user}@'%'`,
    );
    const { port } = database.options;
    const project = await CdcProject.create(folder.path, database, {
      yaml: `name: test\nsource:\n  type: mysql\n  port: ${port}\n  user: ${user}\n  password: pass\n  tables: ['${database.name}.*']\n`,
    });
    const { exitCode, stdout, stderr } = await project.run('check');
    await database.connection.query(`DROP USER ${user}@'%'`);
    expect(stdout + stderr).toMatch(/GRANT REPLICATION/);
    expect(exitCode).toBe(3);
  }, 60_000);

  test('binlog_format=STATEMENT is named with the statement that mends it', async () => {
    await using database = await openTestDatabase();
    await using folder = await openTempFolder();
    await createShop(database, 10);
    const project = await CdcProject.create(folder.path, database);
    await database.connection.query('SET GLOBAL binlog_format = STATEMENT');
    try {
      const { exitCode, stdout, stderr } = await project.run('check');
      expect(stdout + stderr).toMatch(/SET GLOBAL binlog_format = '?ROW'?/);
      expect(exitCode).toBe(3);
    } finally {
      await database.connection.query('SET GLOBAL binlog_format = ROW');
    }
  }, 60_000);

  test('a port in use by another process is named', async () => {
    await using database = await openTestDatabase();
    await using folder = await openTempFolder();
    await createShop(database, 10);
    const other = createServer().listen(0, '127.0.0.1');
    await waitUntil('the port is taken', () => other.listening);
    const { port } = other.address() as AddressInfo;
    try {
      const project = await CdcProject.create(folder.path, database, {
        source: `warehouse: { type: embedded, port: ${port} }`,
      });
      const { exitCode, stderr, stdout } = await project.run('init');
      expect(stdout + stderr).toMatch(/CDC_PORT_IN_USE/);
      expect(stdout + stderr).toContain(String(port));
      expect(exitCode).toBe(3);
    } finally {
      other.close();
    }
  }, 60_000);

  test('the port of the project in use by its own run is no problem for a check', async () => {
    await using database = await openTestDatabase();
    await using folder = await openTempFolder();
    await createShop(database, 10);
    const reserved = createServer().listen(0, '127.0.0.1');
    await waitUntil('a port is found', () => reserved.listening);
    const { port } = reserved.address() as AddressInfo;
    reserved.close();
    const project = await CdcProject.create(folder.path, database, {
      source: `warehouse: { type: embedded, port: ${port} }`,
    });
    await project.succeed('init');
    const running = project.start('run');
    const ended = finished(running);
    try {
      await waitUntil(
        'it runs',
        async () => JSON.parse(await project.succeed('status', '--json')).running !== null,
        30_000,
      );
      // Joins the engine of the run, which holds the port from here on.
      await project.query('SELECT 1');
      await project.succeed('check');
    } finally {
      running.kill('SIGTERM');
      await ended;
    }
  }, 60_000);

  test('a second run on the same folder is refused and names the first', async () => {
    await using database = await openTestDatabase();
    await using folder = await openTempFolder();
    await createShop(database, 10);
    const project = await CdcProject.create(folder.path, database, { models: shopModels });
    await project.succeed('init');
    const first = project.start('run');
    const ended = finished(first);
    try {
      await waitUntil(
        'the first one works',
        async () => JSON.parse(await project.succeed('status', '--json')).running !== null,
        30_000,
      );
      const { exitCode, stderr, stdout } = await project.run('run');
      expect(stdout + stderr).toMatch(/CDC_PROJECT_LOCKED/);
      expect(stdout + stderr).toContain(String(first.pid));
      expect(exitCode).toBe(3);
      // Reading goes on beside it.
      expect(await project.query(`SELECT count() AS n FROM ${database.name}.orders`)).toEqual([
        { n: 10 },
      ]);
    } finally {
      first.kill('SIGINT');
    }
    expect((await ended).exitCode).toBe(0);
  }, 90_000);

  test('a value the warehouse cannot hold stops its table, named, and not the others', async () => {
    await using database = await openTestDatabase();
    await using folder = await openTempFolder();
    await createShop(database, 10);
    const project = await CdcProject.create(folder.path, database);
    await project.succeed('init');
    await database.connection.query(`
      UPDATE customer SET born = '9999-12-31' WHERE id = 1;
      UPDATE orders SET note = 'after' WHERE id = 1;`);
    await project.run('run', '--until-current');
    const status = JSON.parse(await project.succeed('status', '--json'));
    expect(status.errors).toEqual([
      expect.objectContaining({
        code: 'CDC_VALUE_UNREPRESENTABLE',
        table: `${database.name}.customer`,
        message: expect.stringMatching(/born/),
      }),
    ]);
    expect(await project.query(`SELECT note FROM ${database.name}.orders WHERE id = 1`)).toEqual([
      { note: 'after' },
    ]);
    const verified = await project.run('verify', '--json');
    expect(verified.exitCode).toBe(4);
  }, 90_000);

  test('a table the warehouse refuses is named by init, which ends without it', async () => {
    await using database = await openTestDatabase();
    await using folder = await openTempFolder();
    await createShop(database, 10);
    const project = await CdcProject.create(folder.path, database);
    await project.succeed('init');
    // The name of the table's view is taken by something that is not ours.
    await project.succeed('query', `DROP VIEW ${database.name}.customer`);
    await project.succeed(
      'query',
      `CREATE TABLE ${database.name}.customer (x Int8) ENGINE = MergeTree ORDER BY x`,
    );
    await database.connection.query('ALTER TABLE customer ADD COLUMN level INT NULL');
    await database.connection.query('UPDATE customer SET level = 1');
    const { exitCode, stdout } = await project.run('init', '--tables', `${database.name}.*`);
    expect(stdout).toMatch(`not loaded: ${database.name}.customer: `);
    expect(stdout).toMatch(/snapshot done/);
    expect(exitCode).toBe(0);
    expect(await project.query(`SELECT count() AS rows FROM ${database.name}.orders`)).toEqual([
      { rows: 10 },
    ]);
  }, 90_000);

  test('a folder without a project says how to begin', async () => {
    await using folder = await openTempFolder();
    await mkdir(join(folder.path, 'empty'));
    await writeFile(join(folder.path, 'empty', 'note.txt'), '');
    const { exitCode, stderr } = await new CdcProject(join(folder.path, 'empty')).run('check');
    expect(stderr).toMatch(/cdc template new/);
    expect(exitCode).toBe(2);
  }, 60_000);
});
