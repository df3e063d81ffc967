import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { CdcProject } from '../support/cdc-project.ts';
import { openTempFolder } from '../support/temp-folder.ts';
import { openTestDatabase } from '../support/test-database.ts';

const models = {
  'dwd/amounts': 'SELECT id, amount FROM {db}.orders',
  'ads/total': 'SELECT count() AS orders, sum(amount) AS total FROM dwd.amounts',
  'dwd/notes': 'SELECT id, note FROM {db}.orders',
  'dwd/classes': 'SELECT id, class_id FROM {db}.orders',
};

test('columns dropped or of another type at the source stop their readers alone, by name, until an apply', async () => {
  await using database = await openTestDatabase('mariadb');
  await using folder = await openTempFolder();
  const sql = (text: string) => database.connection.query(text);
  await sql(`CREATE TABLE orders (id INT PRIMARY KEY, class_id INT NOT NULL, amount DECIMAL(10,2) NOT NULL, note VARCHAR(20) NOT NULL);
    CREATE TABLE kept (id INT PRIMARY KEY);
    INSERT INTO orders VALUES (1, 1, 10, 'a'), (2, 1, 20, 'b')`);
  const project = await CdcProject.create(folder.path, database, { models });
  const table = `${database.name}.orders`;
  const stopped = async () => {
    const { layers } = JSON.parse(await project.succeed('status', '--json'));
    const broken = layers.filter(({ error }: { error?: string }) => error !== undefined);
    return Object.fromEntries(
      broken.map(({ name, errorCode, error }: Record<string, string>) => [
        name,
        `${errorCode ?? ''} ${error}`,
      ]),
    );
  };
  const counts = async () => {
    const of = (name: string) => `(SELECT count() FROM ${name})`;
    const [row = {}] = await project.query(
      `SELECT ${of(table)} AS ods, ${of('dwd.notes')} AS notes, ${of('dwd.amounts')} AS amounts, ${of('dwd.classes')} AS classes`,
    );
    return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, Number(value)]));
  };
  await project.succeed('init');

  await sql('ALTER TABLE orders DROP COLUMN amount');
  await sql('ALTER TABLE orders MODIFY class_id BIGINT NOT NULL');
  await sql("INSERT INTO orders VALUES (3, 5000000000, 'c')");
  await project.succeed('run', '--until-current');
  expect(await stopped()).toEqual({
    'dwd.amounts': expect.stringMatching(
      `^CDC_LAYERS_SOURCE_CHANGED dwd.amounts stays at its last good cut: ${table} has no column amount \\(Decimal\\(10, 2\\)\\) any more. Seen after binlog file \\d+, byte \\d+ of the source. Correct layers/dwd/amounts.sql:1:12,`,
    ),
    'ads.total': expect.stringContaining('has stopped'),
    'dwd.classes': expect.stringContaining(`${table}.class_id was Int32 and is Int64 now.`),
  });
  expect(await counts()).toEqual({ ods: 3, notes: 3, amounts: 2, classes: 2 });

  const edited = `SELECT id, toDecimal64(0, 2) AS amount FROM ${table}`;
  await writeFile(join(folder.path, 'layers/dwd/amounts.sql'), edited);
  await project.succeed('layers', 'apply', '--yes');
  expect(await counts()).toEqual({ ods: 3, notes: 3, amounts: 3, classes: 3 });
  await sql('DROP TABLE orders');
  await project.succeed('run', '--until-current');
  expect(await stopped()).toEqual({});
  expect(await counts()).toEqual({ ods: 0, notes: 0, amounts: 0, classes: 0 });
}, 240_000);
