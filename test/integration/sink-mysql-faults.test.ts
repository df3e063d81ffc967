import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RowValue } from '../../src/change/row-codec.ts';
import { CdcError } from '../../src/errors.ts';
import { DeadRows } from '../../src/sink/dead-rows.ts';
import { MysqlSink } from '../../src/sink/mysql/mysql-sink.ts';
import { type MysqlSinkOptions, mysqlSinkOptions } from '../../src/sink/mysql/options.ts';
import { makeCertificates } from '../support/kafka-certificates.ts';
import { ordersTable } from '../support/order-batches.ts';
import { OwnServer } from '../support/own-server.ts';
import { ordersBatch } from '../support/sink-mysql-batches.ts';
import { columnOf, SinkWorld, schemaOf } from '../support/sink-world.ts';
import { openTempFolder } from '../support/temp-folder.ts';
import type { TestDatabase } from '../support/test-database.ts';
import { describeEachServer } from '../support/test-server.ts';

let world: SinkWorld;
beforeAll(async () => {
  world = await SinkWorld.open();
}, 120_000);
afterAll(() => world[Symbol.asyncDispose]());

const id = columnOf('id', { kind: 'int', bits: 32, unsigned: false }, { nullable: false });
const note = columnOf('note', { kind: 'string' }, { sourceType: 'text' });
const city = columnOf('city', { kind: 'string' }, { sourceType: 'varchar(9)' });
const moment = columnOf(
  'moment',
  { kind: 'timestamp', fsp: 0 },
  { nullable: false, sourceType: 'timestamp' },
);
const prepared = { drop: true, mayAlter: true };

/** As far from what a sink would like as a server can be set up. */
const oddOptions = [
  '--sql-mode=ANSI,NO_BACKSLASH_ESCAPES,NO_ZERO_DATE,NO_ZERO_IN_DATE,PAD_CHAR_TO_FULL_LENGTH',
  '--default-time-zone=+08:00',
  '--autocommit=0',
  '--character-set-server=latin1',
  '--max-allowed-packet=1M',
  '--transaction-isolation=READ-COMMITTED',
];
const notInMysql = /PAD_CHAR/;

describeEachServer('a sink into a server of other settings', (flavour) => {
  let server: OwnServer;
  let database: TestDatabase;
  beforeAll(async () => {
    const options = oddOptions.map((option) =>
      flavour === 'mysql' && notInMysql.test(option)
        ? option.replace(',PAD_CHAR_TO_FULL_LENGTH', '')
        : option,
    );
    server = await OwnServer.open(flavour, options);
    database = await server.openDatabase();
    await database.connection.query('SET autocommit = 1');
  }, 120_000);
  afterAll(async () => {
    await database[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  const optionsOf = (more: object = {}): MysqlSinkOptions =>
    mysqlSinkOptions.parse({
      ...database.options,
      type: 'mysql',
      name: 'serving',
      tables: ['shop.*'],
      ...more,
    });
  const rowsOf = async (sql: string): Promise<Record<string, unknown>[]> => {
    const [rows] = await database.connection.query({ sql, dateStrings: true });
    return (rows as Record<string, unknown>[]).map((row) => ({ ...row }));
  };
  const fill = async (table: string, rows: readonly RowValue[][], options = optionsOf()) => {
    await world.define(schemaOf(table, [id, note, moment]), 'resnapshot');
    await world.put(table, rows);
    await using sink = new MysqlSink(options);
    const refused = await world.copy(table, sink, options);
    return { refused, differences: await world.differences(table, sink, options) };
  };

  test('holds the same values there', async () => {
    const rows: RowValue[][] = [
      [0, 'zero is a key', 0n],
      [1, 'a "b" \'c\' \\ \\n 学😀  ', 1_700_000_000n],
    ];
    expect((await fill('shop.odd', rows)).refused).toBe(1);
    const letters = await new DeadRows(world.engine).list('serving');
    const letter = letters.find(({ table }) => table === 'shop.odd');
    // 1970-01-01 00:00:00 is what a TIMESTAMP has no place for.
    expect(letter).toMatchObject({ key: '["0"]', reason: expect.stringMatching(/moment/) });
    await database.connection.query("SET time_zone = '+00:00'");
    expect(await rowsOf('SELECT note, moment FROM odd')).toEqual([
      { note: rows[1]?.[1], moment: '2023-11-14 22:13:20' },
    ]);
    const zero = await fill('shop.zero', [[0, 'zero is a key', 1n]]);
    expect(zero).toEqual({ refused: 0, differences: [] });
  }, 120_000);

  test('puts a row aside that is larger than the server takes, and fills it otherwise', async () => {
    const large = 'x'.repeat(1_100_000);
    const rows = Array.from({ length: 40 }, (_, at): RowValue[] => [
      at,
      at === 20 ? large : 'y'.repeat(60_000),
      1n,
    ]);
    const { refused, differences } = await fill('shop.large', rows);
    expect(refused).toBe(1);
    expect(differences.map(({ key, kind }) => [key, kind])).toEqual([[['20'], 'missing']]);
    const letters = await new DeadRows(world.engine).list('serving');
    const letter = letters.find(({ table }) => table === 'shop.large');
    expect(letter?.reason).toMatch(/max_allowed_packet = 1048576/);
  }, 120_000);

  test('never lets a row take the place of another one in a unique index beside the key', async () => {
    const table = 'shop.unique_notes';
    await world.define(schemaOf(table, [id, note]), 'resnapshot');
    const settings = { types: { note: 'varchar(20)' } };
    const options = optionsOf({ overrides: [{ tables: table, settings }] });
    await using sink = new MysqlSink(options);
    const copier = world.copier(table, sink, options);
    await world.put(table, [
      [1, 'one'],
      [2, 'two'],
    ]);
    await world.copy(table, sink, options, copier);
    await database.connection.query('ALTER TABLE unique_notes ADD UNIQUE (note)');
    await world.put(table, [
      [3, 'one'],
      [4, 'four'],
    ]);
    expect(await world.copy(table, sink, options, copier)).toBe(1);
    const stored = await rowsOf('SELECT id, note FROM unique_notes ORDER BY id');
    expect(stored).toEqual([
      { id: 1, note: 'one' },
      { id: 2, note: 'two' },
      { id: 4, note: 'four' },
    ]);
    const letters = await new DeadRows(world.engine).list('serving');
    const letter = letters.find((each) => each.table === table);
    expect(letter).toMatchObject({ key: '["3"]', reason: expect.stringMatching(/unique index/) });
    // Its own row may change, and what another one has given up is free.
    await world.put(table, [[1, 'uno']]);
    await world.copy(table, sink, options, copier);
    await world.put(table, [[3, 'one']]);
    expect(await world.copy(table, sink, options, copier)).toBe(0);
    expect(await world.differences(table, sink, options)).toEqual([]);
  }, 120_000);

  test('leaves alone what others have added to its tables', async () => {
    const table = 'shop.shared';
    await world.define(schemaOf(table, [id, note]), 'resnapshot');
    await world.put(table, [[1, 'one']]);
    const options = optionsOf();
    await using sink = new MysqlSink(options);
    const copier = world.copier(table, sink, options);
    await world.copy(table, sink, options, copier);
    await database.connection.query(
      "ALTER TABLE shared ADD COLUMN seen int NOT NULL DEFAULT 7, ADD COLUMN own varchar(9) NOT NULL DEFAULT '', ADD INDEX (seen)",
    );
    await world.define(schemaOf(table, [id, city]));
    await world.put(table, [[2, 'Wuhan']]);
    await world.copy(table, sink, options, copier);
    expect(await world.differences(table, sink, options)).toEqual([]);
    const [row] = await rowsOf('SELECT * FROM shared WHERE id = 2');
    expect(Object.keys(row ?? {})).toEqual(['id', 'seen', 'own', 'city']);
    expect(row).toMatchObject({ seen: 7, own: '' });
  }, 120_000);

  test('adds up checksums in the server as they are added up here', async () => {
    if (flavour === 'mysql') {
      // From 9.6 on; before, MD5 is there anyway.
      await database.connection
        .query("INSTALL COMPONENT 'file://component_classic_hashing'")
        .catch(() => undefined);
    }
    const rows = Array.from({ length: 300 }, (_, at): RowValue[] => [at, `note ${at}`, 1n]);
    expect(await fill('shop.summed', rows)).toEqual({ refused: 0, differences: [] });
    await using sink = new MysqlSink(optionsOf());
    expect(await sink.preflight()).toEqual([
      expect.objectContaining({ severity: 'warning', message: expect.stringMatching(/1048576/) }),
    ]);
    await database.connection.query("UPDATE summed SET note = 'other' WHERE id = 17");
    const found = await world.differences('shop.summed', sink, optionsOf());
    expect(found.map(({ key, columns }) => [key, columns])).toEqual([[['17'], ['note']]]);
  }, 120_000);

  test('says what a login may not do, before it runs and when it does', async () => {
    const { connection, name } = database;
    await connection.query(
      `CREATE USER reader IDENTIFIED BY 'word'; GRANT SELECT ON ${name}.* TO reader`,
    );
    const denied = { code: 'CDC_SINK_ACCESS_DENIED' };
    for (const login of [{ user: 'reader', password: 'word' }, { password: 'wrong' }]) {
      await using sink = new MysqlSink(optionsOf(login));
      const [problem] = await sink.preflight();
      expect(problem).toMatchObject({ ...denied, remedy: expect.stringMatching(/GRANT .*INSERT/) });
      await expect(sink.prepare(ordersTable, prepared)).rejects.toMatchObject(denied);
    }
    await using elsewhere = new MysqlSink(optionsOf({ database: 'nowhere' }));
    expect(await elsewhere.preflight()).toContainEqual(
      expect.objectContaining({ remedy: expect.stringMatching(/CREATE DATABASE `nowhere`/) }),
    );
  }, 60_000);

  test('stops before a disk that is full, with nothing half done', async () => {
    // The system tablespace, which this server may not extend beyond its limit, is the disk.
    const limit = '--innodb-data-file-path=ibdata1:12M:autoextend:max:48M';
    await using small = await OwnServer.open(flavour, [limit]);
    await using disk = await small.openDatabase();
    await disk.connection.query('SET GLOBAL innodb_file_per_table = OFF');
    await using sink = new MysqlSink(optionsOf(disk.options));
    await sink.prepare(ordersTable, prepared);
    await disk.connection.query('CREATE TABLE filler (id int PRIMARY KEY, bytes longblob)');
    const filling = (async () => {
      for (let at = 0; ; at++) {
        await disk.connection.query(`INSERT INTO filler VALUES (${at}, REPEAT('x', 1000000))`);
      }
    })();
    await expect(filling).rejects.toMatchObject({ errno: 1114 });
    const rows = Array.from({ length: 20_000 }, (_, at) => ({
      ...{ id: at, note: 'n'.repeat(150), version: at + 1 },
    }));
    await expect(sink.write(ordersBatch(1, rows))).rejects.toMatchObject({ code: 'CDC_SINK_FULL' });
    expect((await sink.progress()).get(ordersTable.source)).toBeUndefined();
    const [left] = await disk.connection.query('SELECT COUNT(*) AS n FROM orders');
    expect(left).toMatchObject([{ n: 0 }]);
  }, 120_000);

  test('talks TLS, and to nobody whose certificate does not verify', async () => {
    await using folder = await openTempFolder();
    const { ca, clientCert, clientKey } = await makeCertificates(folder.path);
    const file = (name: string) => `${folder.path}/${name}`;
    const pair = [`--ssl-cert=${file('server.pem')}`, `--ssl-key=${file('server.key')}`];
    await using secure = await OwnServer.open(flavour, [`--ssl-ca=${ca}`, ...pair]);
    await using own = await secure.openDatabase();
    await own.connection.query(
      `CREATE USER tls IDENTIFIED BY 'word' REQUIRE X509; GRANT ALL ON ${own.name}.* TO tls`,
    );
    const login = { ...own.options, user: 'tls', password: 'word' };
    const open = (ssl?: object) => new MysqlSink(optionsOf({ ...login, ...(ssl && { ssl }) }));
    const certificate = { cert: clientCert, key: clientKey };
    await using sink = open({ ca, ...certificate });
    await sink.prepare(ordersTable, prepared);
    expect((await sink.preflight()).filter(({ severity }) => severity === 'error')).toEqual([]);
    for (const ssl of [undefined, { ca }, certificate]) {
      await using refused = open(ssl);
      const error = refused.prepare(ordersTable, prepared);
      await expect(error).rejects.toMatchObject({ code: 'CDC_SINK_ACCESS_DENIED' });
    }
    expect(() => open({ ca: file('missing.pem') })).toThrow(/cannot read .*missing.pem/);
  }, 120_000);

  test('refuses a table that has no transactions', async () => {
    await using sink = new MysqlSink(optionsOf());
    const { connection } = database;
    await connection.query('CREATE TABLE people (id int PRIMARY KEY) ENGINE=MEMORY');
    const people = { ...ordersTable, target: 'people' };
    await expect(sink.plan(people, prepared)).rejects.toMatchObject({
      code: 'CDC_SINK_INCOMPATIBLE',
      remedy: expect.stringContaining('ENGINE=InnoDB'),
    });
  }, 60_000);

  test('stops before a server that takes no writes, and a table that is gone pauses alone', async () => {
    const { connection } = database;
    await using sink = new MysqlSink(optionsOf());
    await sink.drop(ordersTable);
    await sink.prepare(ordersTable, prepared);
    await connection.query(
      `CREATE USER writer IDENTIFIED BY 'word'; GRANT ALL ON ${database.name}.* TO writer; SET GLOBAL read_only = 1`,
    );
    const batch = ordersBatch(1, [{ id: 1, note: 'one', version: 1 }]);
    try {
      await using writer = new MysqlSink(optionsOf({ user: 'writer', password: 'word' }));
      await expect(writer.write(batch)).rejects.toMatchObject({ code: 'CDC_SINK_READ_ONLY' });
      const [problem] = await writer.preflight();
      expect(problem).toMatchObject({ code: 'CDC_SINK_READ_ONLY', severity: 'error' });
    } finally {
      await connection.query('SET GLOBAL read_only = 0');
    }
    await connection.query('DROP TABLE orders');
    await expect(sink.write(batch)).rejects.toMatchObject({
      code: 'CDC_SINK_INCOMPATIBLE',
      details: { table: ordersTable.source },
    });
    await sink.prepare(ordersTable, prepared);
    await sink.write(batch);
  }, 60_000);

  test('waits for a lock of somebody else no longer than the server lets it, and repeats then', async () => {
    await using sink = new MysqlSink(optionsOf());
    await sink.drop(ordersTable);
    await sink.prepare(ordersTable, prepared);
    await sink.write(ordersBatch(1, [{ id: 1, note: 'one', version: 1 }]));
    const { connection } = database;
    await connection.query('SET GLOBAL innodb_lock_wait_timeout = 1');
    await using patient = new MysqlSink(optionsOf());
    await connection.query("START TRANSACTION; UPDATE orders SET note = 'theirs' WHERE id = 1");
    const batch = ordersBatch(2, [{ id: 1, note: 'uno', version: 2 }]);
    const error = await patient.write(batch).catch((each: unknown) => each);
    expect(error).toBeInstanceOf(CdcError);
    expect(error).toMatchObject({ code: 'CDC_SINK_BUSY', kind: 'transient' });
    await connection.query('COMMIT; SET GLOBAL innodb_lock_wait_timeout = 50');
    await patient.write(batch);
    expect(await rowsOf('SELECT note FROM orders')).toEqual([{ note: 'uno' }]);
  }, 60_000);
});
