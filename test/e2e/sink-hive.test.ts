import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { CdcProject } from '../support/cdc-project.ts';
import { openTestHive } from '../support/hive.ts';
import { createShop } from '../support/shop.ts';
import { openTempFolder } from '../support/temp-folder.ts';
import { openTestDatabase } from '../support/test-database.ts';

test('the template mysql-to-hive fills Hive with equal contents', async () => {
  await using database = await openTestDatabase('mariadb');
  await using folder = await openTempFolder();
  await using hive = await openTestHive();
  await createShop(database, 100);
  const { host, port, user, password } = database.options;
  const values = [
    ...[`host=${host}`, `port=${port}`, `user=${user}`, `tables=${database.name}.*`],
    ...[`hiveHost=${hive.host}`, `hivePort=${hive.port}`, 'auth=nosasl', 'everySeconds=0'],
    ...[`hiveDatabase=${hive.database}`, `path=${hive.folder}`],
  ];
  const set = values.flatMap((value) => ['--set', value]);
  await new CdcProject(folder.path).succeed('template', 'new', 'mysql-to-hive', 'own', ...set);
  const project = new CdcProject(join(folder.path, 'own'));
  await writeFile(join(project.folder, '.env'), `CDC_SOURCE_PASSWORD='${password}'\n`);
  await project.succeed('check');
  await project.succeed('init');
  await database.connection.query(
    "UPDATE region SET manager = 'Eve' WHERE id = 2; DELETE FROM region WHERE id = 3; UPDATE orders SET status = 'refunded'",
  );
  await project.succeed('run', '--until-current');
  const report = JSON.parse(await project.succeed('verify', '--sink', 'hive', '--json'));
  expect(report.ok).toBe(true);
  expect(report.tables).toHaveLength(4);
  // And without anything of ours in between.
  const [source] = await database.connection.query(
    'SELECT CAST(id AS CHAR) AS id, manager FROM region ORDER BY id',
  );
  const stored = await hive.rows(
    `SELECT CAST(id AS STRING), manager FROM ${hive.database}.region ORDER BY id`,
  );
  const own = source as { id: string; manager: string }[];
  expect(stored).toEqual(own.map(({ id, manager }) => [id, manager]));
}, 300_000);
