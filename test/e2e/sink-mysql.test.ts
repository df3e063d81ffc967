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

/** Rows as texts, in the order of their keys; JSON and decimals alike on both sides. */
async function rowsOf(connection: Connection, table: string, key: string): Promise<unknown[]> {
  const [rows] = await connection.query({
    sql: `SELECT * FROM ${table} ORDER BY ${key}`,
    dateStrings: true,
    supportBigNumbers: true,
    bigNumberStrings: true,
    jsonStrings: true,
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
        await source.connection.query('ALTER TABLE customer ADD COLUMN city VARCHAR(40) NULL');
        await source.connection.query("UPDATE customer SET city = 'Wuhan' WHERE id < 20");
        await run.killAndStart();
        await run.working();
        expect(await traffic.stop()).toBeGreaterThan(5);
        expect((await run.stop()).exitCode).toBe(0);
      }
      await project.succeed('run', '--until-current');
      await project.succeed('verify');
      await project.succeed('verify', '--sink', 'copy');
      // And without anything of ours in between.
      for (const [name, key] of Object.entries(shopKeys)) {
        const expected = await rowsOf(source.connection, `${source.name}.${name}`, key);
        expect(await rowsOf(store.connection, `${store.name}.${name}`, key)).toEqual(expected);
      }
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
    const before = await rowsOf(store.connection, 'channel_report', 'channel_id');
    await source.connection.query(
      `UPDATE school_main.channels SET name = 'Renamed', monthly_cost = 1234 WHERE id = 1;
       DELETE FROM school_main.order_items WHERE order_id % 50 = 0`,
    );
    await project.succeed('run', '--until-current');
    await project.succeed('verify', '--sink', 'serving');
    const after = await rowsOf(store.connection, 'channel_report', 'channel_id');
    expect(after).not.toEqual(before);
    expect(after).toContainEqual(
      expect.objectContaining({ channel_id: 1, channel_name: 'Renamed' }),
    );
    const models = await project.query(
      'SELECT term_id, course_id, teacher_id, students, renewed FROM ads.renewal_report ORDER BY term_id, course_id, teacher_id',
    );
    const [reports] = await store.connection.query(
      'SELECT term_id, course_id, teacher_id, students, renewed FROM renewal_report ORDER BY term_id, course_id, teacher_id',
    );
    const texts = (rows: unknown) =>
      (rows as object[]).map((row) => Object.values(row).map(String).join(' '));
    expect(models.length).toBeGreaterThan(10);
    expect(texts(reports)).toEqual(texts(models));
  }, 300_000);
});

const shopKeys = { region: 'id', customer: 'id', orders: 'id', item: 'order_id, line' } as const;
