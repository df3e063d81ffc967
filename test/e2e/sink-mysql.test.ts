import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Connection } from 'mysql2/promise';
import { describe, expect, test } from 'vitest';
import { fillSchool } from '../../src/demo/school/fill-school.ts';
import { CdcProject } from '../support/cdc-project.ts';
import { OwnServer } from '../support/own-server.ts';
import { RunningCommand } from '../support/running-command.ts';
import { createShop } from '../support/shop.ts';
import { startShopTraffic } from '../support/shop-traffic.ts';
import { openTempFolder } from '../support/temp-folder.ts';
import { openTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { endEngine } from '../support/test-engine.ts';

/** What a user does with a template: `cdc template new`, the passwords, then the README's commands. */
async function fromTemplate(
  template: string,
  folder: string,
  source: TestDatabase,
  store: TestDatabase,
  tables: readonly string[] = [],
): Promise<CdcProject> {
  const { host, port, user, password } = source.options;
  const values = [
    ...[`host=${host}`, `port=${port}`, `user=${user}`, ...tables],
    ...[`sinkHost=${store.options.host}`, `sinkPort=${store.options.port}`],
    ...[`sinkUser=${store.options.user}`, `sinkDatabase=${store.name}`],
  ];
  const set = values.flatMap((value) => ['--set', value]);
  await new CdcProject(folder).succeed('template', 'new', template, 'own', ...set);
  const project = new CdcProject(join(folder, 'own'));
  const secrets = [
    `CDC_SOURCE_PASSWORD='${password}'`,
    `CDC_SINK_PASSWORD='${store.options.password}'`,
  ];
  await writeFile(join(project.folder, '.env'), `${secrets.join('\n')}\n`);
  await project.succeed('check');
  return project;
}

/** Rows with dates, decimals and large numbers as texts. */
async function rowsOf(connection: Connection, select: string): Promise<unknown[]> {
  const [rows] = await connection.query({
    sql: select,
    dateStrings: true,
    supportBigNumbers: true,
    bigNumberStrings: true,
  });
  return (rows as object[]).map((row) => ({ ...row }));
}

describe('a project from a template', () => {
  test.each([
    ['mariadb', 'mysql'],
    ['mysql', 'mariadb'],
  ] as const)(
    'mysql-to-mysql copies %s into %s, row for row',
    async (from, to) => {
      await using source = await openTestDatabase(from);
      await using store = await openTestDatabase(to);
      await using folder = await openTempFolder();
      await createShop(source, 300);
      const tables = [`tables=${source.name}.*`];
      const project = await fromTemplate('mysql-to-mysql', folder.path, source, store, tables);
      await project.succeed('init');
      {
        await using run = new RunningCommand(project, 'run');
        await using traffic = await startShopTraffic(source, 5);
        await run.working();
        await source.connection.query('ALTER TABLE region ADD COLUMN city VARCHAR(40) NULL');
        await source.connection.query("UPDATE region SET city = 'Wuhan' WHERE id < 3");
        await run.killAndStart();
        await run.working();
        expect(await traffic.stop()).toBeGreaterThan(5);
        expect((await run.stop()).exitCode).toBe(0);
      }
      await project.succeed('run', '--until-current');
      await project.succeed('verify');
      await project.succeed('verify', '--sink', 'copy');
      // And without anything of ours in between.
      for (const select of shopRows) {
        const expected = await rowsOf(source.connection, select);
        expect(expected.length).toBeGreaterThan(0);
        expect(await rowsOf(store.connection, select)).toEqual(expected);
      }
      await endEngine(join(project.folder, '.cdc'));
    },
    300_000,
  );

  test('layers-to-mysql keeps the reports of the school right where applications read them', async () => {
    await using server = await OwnServer.open('mariadb');
    await using source = await server.openDatabase();
    await using store = await openTestDatabase('mysql');
    await using folder = await openTempFolder();
    await fillSchool(source.connection, { seed: 1, today: new Date('2026-03-01') });
    const project = await fromTemplate('layers-to-mysql', folder.path, source, store);
    await project.succeed('init');
    await project.succeed('verify', '--sink', 'serving');
    const reports = 'SELECT * FROM channel_report ORDER BY channel_id';
    const before = await rowsOf(store.connection, reports);
    await source.connection.query(
      `UPDATE school_main.channels SET name = 'Renamed', monthly_cost = 1234 WHERE id = 1;
       DELETE FROM school_main.order_items WHERE order_id % 50 = 0`,
    );
    await project.succeed('run', '--until-current');
    await project.succeed('verify', '--sink', 'serving');
    const after = await rowsOf(store.connection, reports);
    expect(after).not.toEqual(before);
    expect(after).toContainEqual(
      expect.objectContaining({ channel_id: 1, channel_name: 'Renamed' }),
    );
    const models = await project.query(
      'SELECT term_id, course_id, teacher_id, students, renewed FROM ads.renewal_report ORDER BY term_id, course_id, teacher_id',
    );
    const [served] = await store.connection.query(
      'SELECT term_id, course_id, teacher_id, students, renewed FROM renewal_report ORDER BY term_id, course_id, teacher_id',
    );
    const texts = (rows: unknown) =>
      (rows as object[]).map((row) => Object.values(row).map(String).join(' '));
    expect(models.length).toBeGreaterThan(10);
    expect(texts(served)).toEqual(texts(models));
    await endEngine(join(project.folder, '.cdc'));
  }, 300_000);
});

const shopRows = [
  'SELECT * FROM region ORDER BY id',
  'SELECT * FROM customer ORDER BY id',
  'SELECT * FROM orders ORDER BY id',
  'SELECT order_id, line, sku, qty, price, CAST(extra AS CHAR) AS extra FROM item ORDER BY order_id, line',
];
