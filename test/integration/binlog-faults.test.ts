import { connect, createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Position } from '../../src/change/position.ts';
import type { TableSchema } from '../../src/change/table-schema.ts';
import { CdcError, type ErrorCode } from '../../src/errors.ts';
import { BinlogReading } from '../support/binlog-reading.ts';
import { OwnServer } from '../support/own-server.ts';
import type { TestDatabase } from '../support/test-database.ts';
import { describeEachServer } from '../support/test-server.ts';
import { waitUntil } from '../support/wait-until.ts';

/** Reads until the stream fails, and gives the error. */
async function failureOf(
  reading: BinlogReading,
  from: Position,
  known: readonly TableSchema[],
): Promise<CdcError> {
  const schemas = new Map(known.map((schema) => [schema.table, schema]));
  try {
    for await (const _ of reading.stream().stream(from, schemas, AbortSignal.timeout(20_000)));
  } catch (error) {
    if (error instanceof CdcError) return error;
    throw error;
  }
  throw new Error('the stream did not fail');
}

interface Refusal {
  readonly name: string;
  readonly columns: string;
  readonly statements: string;
  readonly code: ErrorCode;
  readonly message: RegExp;
  readonly only?: 'mysql' | 'mariadb';
}

/** Each must stop the stream: going on would lose or invent rows. */
const refusals: Refusal[] = [
  ...[`'0000-00-00'`, `'2024-00-10'`, `'1899-12-31'`, `'2300-01-01'`, `'9999-12-31'`].map(
    (value): Refusal => ({
      name: `date ${value}`,
      columns: 'v date',
      statements: `INSERT INTO t VALUES (1, ${value})`,
      code: 'CDC_VALUE_UNREPRESENTABLE',
      message: /column v of \w+\.t at binlog\.\d+:\d+: a zero, impossible or far date/,
    }),
  ),
  {
    name: 'a zero datetime',
    columns: 'v datetime(3)',
    statements: `INSERT INTO t VALUES (1, '0000-00-00 00:00:00')`,
    code: 'CDC_VALUE_UNREPRESENTABLE',
    message: /column v/,
  },
  {
    name: 'a zero timestamp',
    columns: 'v timestamp NULL',
    statements: `INSERT INTO t VALUES (1, '0000-00-00 00:00:00')`,
    code: 'CDC_VALUE_UNREPRESENTABLE',
    message: /the zero timestamp/,
  },
  {
    name: 'a partial row image',
    columns: 'v int, w int',
    statements: `SET SESSION binlog_row_image = 'MINIMAL'; INSERT INTO t VALUES (1, 2, 3); UPDATE t SET v = 5`,
    code: 'CDC_BINLOG_EVENT_UNSUPPORTED',
    message: /rows of \w+\.t come without some of their columns/,
  },
  {
    name: 'a statement instead of rows',
    columns: 'v int',
    statements: `SET SESSION binlog_format = 'STATEMENT'; INSERT INTO t VALUES (1, 2)`,
    code: 'CDC_BINLOG_EVENT_UNSUPPORTED',
    message: /a statement changes \w+\.t without row events/,
  },
  {
    name: 'a compressed transaction',
    only: 'mysql',
    columns: 'v text',
    statements: `SET SESSION binlog_transaction_compression = ON; INSERT INTO t VALUES (1, REPEAT('x', 9999))`,
    code: 'CDC_BINLOG_EVENT_UNSUPPORTED',
    message: /a transaction is compressed/,
  },
  {
    name: 'a partial JSON update',
    only: 'mysql',
    columns: 'v json',
    statements: `INSERT INTO t VALUES (1, '{"a": "aaaaaaaaaaaaaaaaaaaa", "b": "bbbbbbbbbbbbbbbbbbbbb"}');
      SET SESSION binlog_row_value_options = 'PARTIAL_JSON'; UPDATE t SET v = JSON_SET(v, '$.a', 'c')`,
    code: 'CDC_BINLOG_EVENT_UNSUPPORTED',
    message: /holds only parts of a JSON value/,
  },
  {
    name: 'a prepared XA transaction',
    columns: 'v int',
    statements: `XA START 'x'; INSERT INTO t VALUES (1, 2); XA END 'x'; XA PREPARE 'x'; XA COMMIT 'x'`,
    code: 'CDC_BINLOG_EVENT_UNSUPPORTED',
    message: /an XA transaction was prepared that changes captured tables/,
  },
  {
    name: 'a system-versioned table',
    only: 'mariadb',
    columns: 'v int) WITH SYSTEM VERSIONING -- ',
    statements: 'INSERT INTO t VALUES (1, 2)',
    code: 'CDC_TYPE_UNSUPPORTED',
    message: /t is system-versioned/,
  },
  {
    name: 'a vector',
    only: 'mysql',
    columns: 'v vector(3)',
    statements: `INSERT INTO t VALUES (1, TO_VECTOR('[1,2,3]'))`,
    code: 'CDC_TYPE_UNSUPPORTED',
    message: /column v/,
  },
];

describeEachServer('what the stream refuses', (flavour) => {
  let server: OwnServer;
  beforeAll(async () => {
    server = await OwnServer.open(flavour);
  });
  afterAll(() => server[Symbol.asyncDispose]());

  async function open(columns: string): Promise<{
    database: TestDatabase;
    reading: BinlogReading;
    known: TableSchema[];
    from: Position;
  }> {
    const database = await server.openDatabase();
    await database.connection.query(
      `SET sql_mode = ''; CREATE TABLE t (id int PRIMARY KEY, ${columns})`,
    );
    const reading = await BinlogReading.open(database);
    const schema = await reading.schema(`${database.name}.t`).catch((error: unknown) => {
      if (error instanceof CdcError && error.code === 'CDC_TYPE_UNSUPPORTED') return undefined;
      throw error;
    });
    return { database, reading, known: schema ? [schema] : [], from: await reading.here() };
  }

  test.each(refusals.filter(({ only }) => only === undefined || only === flavour))(
    '$name',
    async ({ columns, statements, code, message }) => {
      const { database, reading, known, from } = await open(columns);
      await database.connection.query(statements);
      const error = await failureOf(reading, from, known);
      expect(error.message).toMatch(message);
      expect(error.code).toBe(code);
      await reading[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
    },
  );

  test('statements on other tables and one-phase XA are fine', async () => {
    const { database, reading, known, from } = await open('v int');
    await database.connection.query(
      `CREATE DATABASE IF NOT EXISTS elsewhere; CREATE TABLE IF NOT EXISTS elsewhere.t (id int, v int);
      SET SESSION binlog_format = 'STATEMENT'; INSERT INTO elsewhere.t VALUES (1, 2);
      UPDATE elsewhere.t SET v = 3; SET SESSION binlog_format = 'ROW';
      XA START 'y'; INSERT INTO t VALUES (1, 2); XA END 'y'; XA COMMIT 'y' ONE PHASE;
      XA START 'z'; INSERT INTO elsewhere.t VALUES (2, 2); XA END 'z'; XA PREPARE 'z'; XA COMMIT 'z';
      INSERT INTO t VALUES (2, 3)`,
    );
    const rows = reading.rows(await reading.readToEnd(from, known));
    expect(rows.map(({ values }) => values['id'])).toEqual(['1', '2']);
  });

  test('the wrong values of lax mode that have a text are right', async () => {
    const { database, reading, known, from } = await open(
      `e enum('a','b'), s set('x','y'), y year, z date, w datetime(2), u timestamp(1) NULL`,
    );
    const texts = known.map((schema) => ({
      ...schema,
      version: 'text',
      columns: schema.columns.map((column) =>
        'fsp' in column.type || column.type.kind === 'date'
          ? { ...column, type: { ...column.type, text: true } }
          : column,
      ),
    }));
    for (const schema of texts) reading.schemas.set(schema.version, schema);
    await database.connection.query(
      `SET time_zone = '+00:00'; INSERT INTO t VALUES (1, 'nonsense', 0, 0, '0000-00-00', '2024-00-00 00:00:00', 0);
      INSERT INTO t VALUES (2, 'b', 'x,y', 1999, '9999-12-31', '1000-01-01 12:34:56.78', '2024-02-29 01:02:03.4')`,
    );
    const rows = reading.rows(await reading.readToEnd(from, texts));
    const [answer] = await database.connection.query(
      `SELECT CAST(id AS CHAR) AS id, CAST(e AS CHAR) AS e, CAST(s AS CHAR) AS s, LPAD(y, 4, '0') AS y,
        CAST(z AS CHAR) AS z, CAST(w AS CHAR) AS w, CAST(u AS CHAR) AS u FROM t ORDER BY id`,
    );
    expect(rows.map(({ values }) => values)).toEqual(
      (answer as object[]).map((row) => ({ ...row })),
    );
    expect(rows[0]?.values).toMatchObject({ e: '', y: '0000', z: '0000-00-00' });
  });

  test('a place in a purged file, beyond the end or inside an event is lost', async () => {
    const { database, reading, known, from } = await open('v int');
    await database.connection.query('INSERT INTO t VALUES (1, 2)');
    const { gtid: _, ...place } = from;
    const beyond = await failureOf(reading, { ...place, offset: place.offset + 10_000_000 }, known);
    expect(beyond.code).toBe('CDC_BINLOG_POSITION_LOST');
    const inside = await failureOf(reading, { ...place, offset: place.offset + 7 }, known);
    expect(inside.code).toBe('CDC_BINLOG_POSITION_LOST');
    await database.connection.query('FLUSH BINARY LOGS; INSERT INTO t VALUES (2, 2)');
    const { file } = await reading.here();
    await waitUntil('the old file is gone', async () => {
      await database.connection.query(`PURGE BINARY LOGS TO '${file}'`);
      const [files] = await database.connection.query('SHOW BINARY LOGS');
      return (files as { Log_name: string }[])[0]?.Log_name === file;
    });
    expect((await failureOf(reading, place, known)).code).toBe('CDC_BINLOG_POSITION_LOST');
    expect((await failureOf(reading, from, known)).code).toBe('CDC_BINLOG_POSITION_LOST');
  });

  test('GTIDs of another history and a place on another server are lost', async () => {
    const { reading, known, from } = await open('v int');
    const foreign =
      flavour === 'mysql' ? '11111111-2222-3333-4444-555555555555:1-9' : '0-99-99999999';
    const byGtid = await failureOf(reading, { ...from, gtid: foreign }, known);
    expect(byGtid.code).toBe('CDC_BINLOG_POSITION_LOST');
    const { gtid: _, ...place } = from;
    const elsewhere = await failureOf(reading, { ...place, serverId: 'another' }, known);
    expect(elsewhere.code).toBe('CDC_BINLOG_POSITION_LOST');
  });

  test('a second stream with the same server id ends the first by name', async () => {
    const { database, reading, known, from } = await open('v int');
    const schemas = new Map(known.map((schema) => [schema.table, schema]));
    const abort = new AbortController();
    const first = reading.stream({}, 4711).stream(from, schemas, AbortSignal.timeout(20_000));
    const begun = first.next();
    await database.connection.query('INSERT INTO t VALUES (1, 1)');
    await begun;
    const failed = first.next().then(
      () => undefined,
      (error: unknown) => error,
    );
    const second = reading.stream({}, 4711).stream(from, schemas, abort.signal);
    const pending = second.next().catch(() => undefined);
    expect(await failed).toMatchObject({ code: 'CDC_SOURCE_DUPLICATE_SERVER_ID' });
    abort.abort();
    await pending;
  });

  test('a killed connection is lost, a missing privilege is denied', async () => {
    const { database, reading, known, from } = await open('v int');
    let error: CdcError | undefined;
    const failed = failureOf(reading, from, known).then((failure) => {
      error = failure;
    });
    await waitUntil('the killed stream fails', async () => {
      const [rows] = await database.connection.query(
        `SELECT ID AS id FROM information_schema.PROCESSLIST WHERE COMMAND LIKE 'Binlog Dump%'`,
      );
      for (const { id } of rows as { id: number }[]) {
        await database.connection.query(`KILL ${id}`).catch(() => undefined);
      }
      return error;
    });
    await failed;
    expect(error?.code).toBe('CDC_SOURCE_CONNECTION_LOST');
    await database.connection.query(
      `CREATE USER IF NOT EXISTS 'poor'@'%' IDENTIFIED BY 'p'; GRANT SELECT ON *.* TO 'poor'@'%'`,
    );
    const options = { ...database.options, user: 'poor', password: 'p' };
    await using poor = await BinlogReading.open({ ...database, options });
    expect((await failureOf(poor, from, known)).code).toBe('CDC_SOURCE_ACCESS_DENIED');
  });

  test('a link that goes silent is lost after three heartbeats', async () => {
    const { database, known, from } = await open('v int');
    const sockets: [Socket, Socket][] = [];
    const proxy = createServer((near) => {
      const far = connect(database.options.port, '127.0.0.1');
      near.pipe(far).pipe(near);
      for (const socket of [near, far]) socket.on('error', () => undefined);
      sockets.push([near, far]);
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    const { port } = proxy.address() as { port: number };
    const options = { ...database.options, port };
    await using reading = await BinlogReading.open(
      { ...database, options },
      { heartbeatSeconds: 0.2 },
    );
    const stream = reading
      .stream()
      .stream(
        from,
        new Map(known.map((schema) => [schema.table, schema])),
        AbortSignal.timeout(20_000),
      );
    const first = stream.next();
    await database.connection.query('INSERT INTO t VALUES (1, 1)');
    await first;
    const next = stream.next();
    // Open, but nothing comes through any more.
    for (const [near, far] of sockets) far.unpipe(near);
    await expect(next).rejects.toMatchObject({ code: 'CDC_SOURCE_CONNECTION_LOST' });
    for (const pair of sockets) for (const socket of pair) socket.destroy();
    proxy.close();
  });

  test.runIf(flavour === 'mariadb')('compressed events of MariaDB are read', async () => {
    const { database, reading, known, from } = await open('v text');
    await database.connection.query(
      'SET GLOBAL log_bin_compress = ON, GLOBAL log_bin_compress_min_len = 10',
    );
    const writer = await server.openDatabase();
    await writer.connection.query(
      `USE ${database.name}; INSERT INTO t SELECT seq, REPEAT('x', 100) FROM seq_1_to_1000;
      UPDATE t SET v = CONCAT(v, id); UPDATE t SET id = id + 5000 ORDER BY id DESC; DELETE FROM t WHERE id > 5500`,
    );
    await writer.connection.query('SET GLOBAL log_bin_compress = OFF');
    const rows = reading.rows(await reading.readToEnd(from, known));
    expect(rows).toHaveLength(1000 + 1000 + 2000 + 500);
    expect(new Set(rows.map(({ version }) => version)).size).toBe(rows.length);
    const versions = rows.map(({ version }) => version);
    expect([...versions].sort((left, right) => (left < right ? -1 : 1))).toEqual(versions);
  });
});
