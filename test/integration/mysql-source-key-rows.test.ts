import { expect, test } from 'vitest';
import { createSilentLogger } from '../../src/ops/logger.ts';
import { MysqlSource } from '../../src/source/mysql/mysql-source.ts';
import { mysqlSourceOptions } from '../../src/source/mysql/options.ts';
import { decodeRows } from '../contract/decode-rows.ts';
import { openTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { describeEachServer } from '../support/test-server.ts';
import { readTable } from './mysql-source-reading.ts';
import { typeCases } from './mysql-source-types.ts';

const never = new AbortController().signal;

function openSource({ options, name }: TestDatabase): MysqlSource {
  const { host, port, user, password } = options;
  return new MysqlSource(
    mysqlSourceOptions.parse({ type: 'mysql', host, port, user, password, tables: [`${name}.*`] }),
    { project: '/test', logger: createSilentLogger() },
  );
}

describeEachServer('rows read by key', (flavour) => {
  test('are those of the snapshot for every type, and deletes of what is not there', async () => {
    await using database = await openTestDatabase(flavour);
    await using source = openSource(database);
    const { connection } = database;
    await connection.query(`SET sql_mode = '', time_zone = '+00:00'`);
    const wrong: string[] = [];
    for (const [index, { type, values }] of typeCases(flavour).entries()) {
      const table = `t${index}`;
      await connection.query(
        `CREATE TABLE ${table} (id int PRIMARY KEY, v ${type}, w ${type} NOT NULL)`,
      );
      for (const [id, value] of values.entries()) {
        await connection.query(`INSERT INTO ${table} VALUES (${id}, ${value}, ${value})`);
      }
      const { schema, rows } = await readTable(database, table);
      const keys = [...values.keys(), 999].map((key) => [String(key)]);
      const section = await source.readRows(schema, keys, 77n, never);
      const decoded = decodeRows(schema, section.bytes);
      const present = decoded.filter(({ deleted }) => !deleted);
      const gone = decoded.filter(({ deleted }) => deleted);
      const isSame =
        JSON.stringify(present.map((row) => row.values)) ===
        JSON.stringify(rows.map((row) => row.values));
      const isGone = gone.length === 1 && gone[0]?.values['id'] === '999';
      const isVersioned = decoded.every(({ version }) => version === 77n);
      if (!isSame || !isGone || !isVersioned || section.rowCount !== decoded.length)
        wrong.push(type);
    }
    expect(wrong).toEqual([]);
  });

  test('are found by keys of any kind, exactly', async () => {
    await using database = await openTestDatabase(flavour);
    await using source = openSource(database);
    await database.connection.query(
      `CREATE TABLE t (a varchar(400) collate utf8mb4_general_ci, b decimal(9,2), c datetime(3), d int(5) zerofill, e binary(2),
        v int, PRIMARY KEY (a, b, c, d, e));
       INSERT INTO t VALUES ('Zoë', 1.50, '2026-01-02 03:04:05.600', 7, 0x00ff, 1)`,
    );
    const { schema } = await readTable(database, 't');
    const hex = (text: string) => Buffer.from(text).toString('hex');
    // As the engine prints them.
    const rest = ['1.5', '2026-01-02 03:04:05.600', '7', '00ff'];
    const long = 'ä'.repeat(200);
    const keys = [hex('Zoë'), hex('ZOË'), hex(long)].map((a) => [a, ...rest]);
    const section = await source.readRows(schema, keys, 5n, never);
    const found = decodeRows(schema, section.bytes).map(({ values, deleted }) => [
      ...[values['a'], values['b'], values['d'], values['v'], deleted],
    ]);
    // The server takes the second for the first; the warehouse does not.
    expect(found).toEqual([
      ['Zoë', '1.50', '7', '1', false],
      ['ZOË', '1.50', '7', null, true],
      [long, '1.50', '7', null, true],
    ]);
  });

  test('are refused while the table has other columns than is known', async () => {
    await using database = await openTestDatabase(flavour);
    await using source = openSource(database);
    await database.connection.query('CREATE TABLE t (id int PRIMARY KEY, v int)');
    const { schema } = await readTable(database, 't');
    await database.connection.query('ALTER TABLE t ADD COLUMN w int');
    await expect(source.readRows(schema, [['1']], 5n, never)).rejects.toMatchObject({
      kind: 'transient',
    });
  });
});
