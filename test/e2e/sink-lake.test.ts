import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { CdcProject } from '../support/cdc-project.ts';
import { type LakeReader, readLake, sortRows } from '../support/lake-readers.ts';
import { createShop } from '../support/shop.ts';
import { openTempFolder } from '../support/temp-folder.ts';
import { openTestDatabase } from '../support/test-database.ts';

const readers: readonly { format: string; reader: LakeReader }[] = [
  { format: 'parquet', reader: 'duckdb-parquet' },
  { format: 'delta', reader: 'deltalake' },
  { format: 'iceberg', reader: 'pyiceberg' },
];

test.each(readers)(
  'the template mysql-to-parquet fills a lake of $format in which $reader finds what MySQL has',
  async ({ format, reader }) => {
    await using database = await openTestDatabase('mariadb');
    await using folder = await openTempFolder();
    await createShop(database, 100);
    const lake = join(folder.path, 'files');
    const { host, port, user, password } = database.options;
    const values = [
      ...[`host=${host}`, `port=${port}`, `user=${user}`, `tables=${database.name}.*`],
      ...[`path=${lake}`, `format=${format}`],
    ];
    const set = values.flatMap((value) => ['--set', value]);
    const command = new CdcProject(folder.path);
    await command.succeed('template', 'new', 'mysql-to-parquet', 'own', ...set);
    const project = new CdcProject(join(folder.path, 'own'));
    await writeFile(join(project.folder, '.env'), `CDC_SOURCE_PASSWORD='${password}'\n`);
    await project.succeed('check');
    await project.succeed('init');
    await database.connection.query(
      "UPDATE region SET manager = 'Eve' WHERE id = 2; DELETE FROM region WHERE id = 3; UPDATE orders SET status = 'refunded'",
    );
    await project.succeed('run', '--until-current');
    await project.succeed('verify', '--sink', 'lake');
    for (const [table, columns] of [
      ['region', ['id', 'manager']],
      ['orders', ['id', 'status', 'amount']],
    ] as const) {
      const address = join(lake, table);
      const { rows } = await readLake({ reader, address, columns, key: ['id'] });
      const texts = columns.map((name) => `CAST(${name} AS CHAR) AS ${name}`);
      const [source] = await database.connection.query(`SELECT ${texts.join(', ')} FROM ${table}`);
      const expected = (source as Record<string, string>[]).map((row) => Object.values(row));
      expect(rows.length).toBeGreaterThan(1);
      expect(rows).toEqual(sortRows(expected));
    }
  },
  600_000,
);
