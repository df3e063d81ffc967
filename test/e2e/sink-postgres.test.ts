import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CdcProject } from '../support/cdc-project.ts';
import { pretendToBeHologres } from '../support/hologres.ts';
import { openPostgresDatabase, type PostgresDatabase } from '../support/postgres.ts';
import { RunningCommand } from '../support/running-command.ts';
import { createShop } from '../support/shop.ts';
import { startShopTraffic } from '../support/shop-traffic.ts';
import { openTempFolder } from '../support/temp-folder.ts';
import { openTestDatabase, type TestDatabase } from '../support/test-database.ts';

/** Columns of each table whose texts are the same on both sides, and its key. */
const shop = {
  region: { columns: 'id, name, manager, city', key: 'id' },
  customer: { columns: 'id, name, region_id, born', key: 'id' },
  orders: { columns: 'id, customer_id, amount, status, note', key: 'id' },
  item: { columns: 'order_id, line, sku, qty', key: 'order_id, line' },
} as const;

/** What a user does with a template: `cdc template new`, the passwords, then the README's commands. */
async function fromTemplate(
  template: string,
  folder: string,
  source: TestDatabase,
  store: PostgresDatabase,
): Promise<CdcProject> {
  const { host, port, user, password } = source.options;
  const values = [
    ...[`host=${host}`, `port=${port}`, `user=${user}`, `tables=${source.name}.*`],
    ...[`sinkHost=${store.options.host}`, `sinkPort=${store.options.port}`],
    ...[`sinkUser=${store.options.user}`, `sinkDatabase=${store.name}`],
  ];
  const set = values.flatMap((value) => ['--set', value]);
  await new CdcProject(folder).succeed('template', 'new', template, 'own', ...set);
  const project = new CdcProject(join(folder, 'own'));
  const secrets = [
    `CDC_SOURCE_PASSWORD='${password}'`,
    `CDC_SINK_PASSWORD='${store.options.password.reveal()}'`,
  ];
  await writeFile(join(project.folder, '.env'), `${secrets.join('\n')}\n`);
  await project.succeed('check');
  return project;
}

describe('a project from a template', () => {
  test.each(['mysql-to-postgres', 'mysql-to-hologres'])(
    '%s copies a shop, row for row',
    async (template) => {
      await using source = await openTestDatabase('mariadb');
      await using store = await openPostgresDatabase();
      await pretendToBeHologres(store.client);
      await using folder = await openTempFolder();
      await createShop(source, 300);
      const project = await fromTemplate(template, folder.path, source, store);
      await project.succeed('init');
      {
        await using run = new RunningCommand(project, 'run');
        await using traffic = await startShopTraffic(source, 5);
        await run.working();
        await source.connection.query('ALTER TABLE region ADD COLUMN city VARCHAR(40) NULL');
        await source.connection.query("INSERT INTO region VALUES (9, 'east', NULL, 'Wuhan')");
        await run.killAndStart();
        await run.working();
        expect(await traffic.stop()).toBeGreaterThan(5);
        expect((await run.stop()).exitCode).toBe(0);
      }
      await project.succeed('run', '--until-current');
      await project.succeed('verify');
      await project.succeed('verify', '--sink', 'copy');
      // And without anything of ours in between.
      for (const [name, { columns, key }] of Object.entries(shop)) {
        const [expected] = await source.connection.query({
          sql: `SELECT ${columns} FROM ${source.name}.${name} ORDER BY ${key}`,
          rowsAsArray: true,
          dateStrings: true,
        });
        const stored = await store.client.query({
          text: `SELECT ${columns.replace('born', 'born::text')} FROM ${name} ORDER BY ${key}`,
          rowMode: 'array',
        });
        const texts = (rows: unknown) => (rows as unknown[][]).map((row) => row.map(textOf));
        expect(texts(stored.rows)).toEqual(texts(expected));
        expect(stored.rows.length).toBeGreaterThan(2);
      }
    },
    300_000,
  );
});

function textOf(value: unknown): string | null {
  return value === null ? null : String(value);
}
