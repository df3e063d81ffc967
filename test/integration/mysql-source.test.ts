import { type Connection, createConnection, type RowDataPacket } from 'mysql2/promise';
import { describe, expect, inject, test } from 'vitest';
import { comparePositions, type Position, unpackVersion } from '../../src/change/position.ts';
import { LocalServer } from '../../src/demo/server/local-server.ts';
import { createSilentLogger } from '../../src/ops/logger.ts';
import { MysqlSession } from '../../src/source/mysql/connection.ts';
import { MysqlSource } from '../../src/source/mysql/mysql-source.ts';
import { mysqlSourceOptions } from '../../src/source/mysql/options.ts';
import type { SnapshotProgress } from '../../src/source/source.ts';
import { ReplicaState } from '../contract/replica-state.ts';
import { Random } from '../support/random.ts';
import { openTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { describeEachServer, serverProgram } from '../support/test-server.ts';
import { waitUntil } from '../support/wait-until.ts';

type Login = Pick<TestDatabase['options'], 'host' | 'port' | 'user' | 'password'>;

const chunkRows = 100;

function openSource(login: Login, database: string, reader = new ReplicaState()): MysqlSource {
  const { host, port, user, password } = login;
  const options = mysqlSourceOptions.parse({
    ...{ type: 'mysql', host, port, user, password, tables: [`${database}.*`] },
    ...{ snapshot: { chunkRows }, heartbeatSeconds: 1 },
  });
  return new MysqlSource(options, {
    project: database,
    logger: createSilentLogger(),
    log: reader,
  });
}

async function rowsOf(connection: Connection, table: string): Promise<object[]> {
  const [rows] = await connection.query<RowDataPacket[]>(`SELECT * FROM ${table} ORDER BY id`);
  return rows.map((row) =>
    Object.fromEntries(
      Object.entries(row).map(([name, value]) => [name, value === null ? null : String(value)]),
    ),
  );
}

/** Random transactions on `table` until the signal aborts. */
async function write(
  login: Login,
  table: string,
  seed: number,
  signal: AbortSignal,
): Promise<void> {
  const random = new Random(seed);
  const connection = await createConnection(login);
  try {
    while (!signal.aborted) {
      await connection.beginTransaction();
      for (let count = random.between(1, 4); count > 0; count--) {
        const id = random.between(1, 2500);
        const value = random.between(0, 1_000_000);
        await connection.query(
          random.pick([
            `UPDATE ${table} SET v = ${value} WHERE id BETWEEN ${id} AND ${id + 5}`,
            `DELETE FROM ${table} WHERE id = ${id}`,
            `REPLACE INTO ${table} VALUES (${id}, ${value}, 'again')`,
            `UPDATE IGNORE ${table} SET id = id + 3000 WHERE id = ${id}`,
          ]),
        );
      }
      // Writers may wait for one another in any order; the one that loses tries the next.
      await connection.commit();
    }
  } finally {
    await connection.end();
  }
}

async function writeOn(
  login: Login,
  table: string,
  seed: number,
  signal: AbortSignal,
): Promise<void> {
  for (let attempt = 0; !signal.aborted; attempt++) {
    await write(login, table, seed + 1000 * attempt, signal).catch((error: { errno?: number }) => {
      if (error.errno !== 1213 && error.errno !== 1205) throw error;
    });
  }
}

/**
 * Reads a table twice beside its stream while four connections change it, and compares. What this
 * catches is a watermark that is not safe: a commit that a chunk did not see and whose change loses.
 */
async function proveUnderWriters(login: Login, connection: Connection, database: string) {
  const table = `${database}.t`;
  await connection.query(
    `CREATE TABLE ${table} (id int PRIMARY KEY, v int NOT NULL, w varchar(20))`,
  );
  const values = Array.from({ length: 2500 }, (_, n) => `(${n + 1}, ${n}, 'first')`);
  await connection.query(`INSERT INTO ${table} VALUES ${values.join(',')}`);
  const reader = new ReplicaState();
  await using source = openSource(login, database, reader);
  const stopWriting = new AbortController();
  const stopStream = new AbortController();
  const writing = [1, 2, 3, 4].map((seed) => writeOn(login, table, seed, stopWriting.signal));
  const from = await source.currentPosition();
  let reached = from;
  const streaming = (async () => {
    for await (const { batch } of source.stream(from, stopStream.signal)) {
      reader.apply(batch);
      reached = batch.position;
    }
  })();
  try {
    for (let round = 0; round < 2; round++) {
      for await (const { batch } of source.snapshot(table, undefined, stopStream.signal)) {
        reader.apply(batch);
      }
    }
  } finally {
    stopWriting.abort();
    await Promise.all(writing);
  }
  const { position } = await source.endPosition();
  const passed = waitUntil(
    'the stream has caught up',
    () => comparePositions(reached, position) >= 0,
  );
  await Promise.race([passed, streaming.then(() => passed)]);
  stopStream.abort();
  await streaming;
  expect(reader.history(table).length).toBeGreaterThan(5000);
  expect(reader.rows(table)).toEqual(await rowsOf(connection, table));
}

describeEachServer('source', (flavour) => {
  test('chunks and stream agree with the table under four writers', async () => {
    await using database = await openTestDatabase(flavour);
    await proveUnderWriters(database.options, database.connection, database.name);
  });

  test('another server behind the address begins a new epoch', async () => {
    await using database = await openTestDatabase(flavour);
    const { connection, name, options } = database;
    await connection.query('CREATE TABLE t (id int PRIMARY KEY)');
    const reader = new ReplicaState();
    await using source = openSource(options, name, reader);
    const here = await source.currentPosition();
    const from: Position = { ...here, epoch: 3, serverId: 'the old server', file: 'old.000900' };
    await connection.query('INSERT INTO t VALUES (1)');
    const stop = new AbortController();
    let reached: Position | undefined;
    const streaming = (async () => {
      for await (const { batch } of source.stream(from, stop.signal)) {
        reader.apply(batch);
        reached = batch.position;
      }
    })();
    await waitUntil('the row has come', () => reader.rows(`${name}.t`).length === 1);
    for await (const { batch } of source.snapshot(`${name}.t`, undefined, stop.signal)) {
      reader.apply(batch);
    }
    stop.abort();
    await streaming;
    expect(reached).toMatchObject({ epoch: 4, serverId: here.serverId });
    const epochs = reader.history(`${name}.t`).map(({ version }) => unpackVersion(version).epoch);
    expect(epochs).toEqual([4, 4]);
  });

  test('a position of another server without its GTID is lost', async () => {
    await using database = await openTestDatabase(flavour);
    await using source = openSource(database.options, database.name);
    const { gtid: _, ...place } = await source.currentPosition();
    const stream = source.stream({ ...place, serverId: 'another' }, AbortSignal.timeout(10_000));
    await expect(stream.next()).rejects.toMatchObject({ code: 'CDC_BINLOG_POSITION_LOST' });
  });

  test('goes on after its connections were killed', async () => {
    await using database = await openTestDatabase(flavour);
    const { connection, name } = database;
    const user = `cdc_${name.slice(-6)}`;
    await connection.query(`CREATE USER '${user}'@'127.0.0.1' IDENTIFIED BY 'x'`);
    await connection.query(`GRANT ALL ON *.* TO '${user}'@'127.0.0.1'`);
    const kill = async () => {
      const [rows] = await connection.query<RowDataPacket[]>(
        'SELECT id AS id FROM information_schema.processlist WHERE user = ?',
        [user],
      );
      for (const { id } of rows) await connection.query(`KILL ${id}`);
    };
    try {
      await connection.query('CREATE TABLE t (id int PRIMARY KEY, v text)');
      const rows = Array.from({ length: 250 }, (_, n) => `(${n}, 'v${n}')`);
      await connection.query(`INSERT INTO t VALUES ${rows.join(',')}`);
      const reader = new ReplicaState();
      await using source = openSource({ ...database.options, user, password: 'x' }, name, reader);
      const signal = AbortSignal.timeout(20_000);
      let stored: SnapshotProgress | undefined;
      const interrupted = (async () => {
        for await (const { batch, progress } of source.snapshot(`${name}.t`, undefined, signal)) {
          reader.apply(batch);
          stored = progress;
          if (progress.chunks === 1) await kill();
        }
      })();
      await expect(interrupted).rejects.toMatchObject({ kind: 'transient' });
      expect(stored).toMatchObject({ chunks: 1, rows: 100 });
      for await (const { batch } of source.snapshot(`${name}.t`, stored, signal))
        reader.apply(batch);
      expect(reader.rows(`${name}.t`)).toEqual(await rowsOf(connection, 't'));
      expect((await source.describe()).server).toBe(flavour);
    } finally {
      await connection.query(`DROP USER '${user}'@'127.0.0.1'`);
    }
  });
});

test('knows the size of what lies ahead over several files', async () => {
  // A server of its own: on a shared one others write as well.
  await using server = await LocalServer.open(await serverProgram('mariadb'));
  const { host, port, user, password } = server.address;
  const login = { host, port, user, password: password.reveal() };
  const connection = await createConnection(login);
  try {
    await connection.query('CREATE DATABASE shop');
    await connection.query('CREATE TABLE shop.t (id int PRIMARY KEY, v text)');
    await using source = openSource(login, 'shop');
    const from = (await source.endPosition()).position;
    expect((await source.endPosition(from)).bytes).toBe(0);
    await connection.query(`INSERT INTO shop.t VALUES (1, repeat('x', 5000))`);
    await connection.query('FLUSH BINARY LOGS');
    await connection.query(`INSERT INTO shop.t VALUES (2, repeat('x', 5000))`);
    const { position, bytes } = await source.endPosition(from);
    expect(position.file).not.toBe(from.file);
    expect(bytes).toBeGreaterThan(10_000);
    expect(bytes).toBeLessThan(12_000);
    expect((await source.endPosition({ ...from, file: 'none.000001' })).bytes).toBe(-1);
  } finally {
    await connection.end();
  }
});

describe.skipIf(inject('serverUrls').mysql === undefined)('source over TLS', () => {
  test('encrypts, and refuses a certificate that does not verify', async () => {
    await using database = await openTestDatabase('mysql');
    const { host, port, user, password, database: name } = database.options;
    const login = { ...{ type: 'mysql', host, port, user, password }, tables: [`${name}.*`] };
    const lax = mysqlSourceOptions.parse({ ...login, ssl: { rejectUnauthorized: false } });
    await using session = await MysqlSession.open(lax);
    const status = await session.row<{ Value: string }>(`SHOW STATUS LIKE 'Ssl_cipher'`);
    expect(status?.Value).not.toBe('');
    const strict = MysqlSession.open(mysqlSourceOptions.parse({ ...login, ssl: {} }));
    await expect(strict).rejects.toMatchObject({ code: 'CDC_SOURCE_ACCESS_DENIED' });
    const unreadable = mysqlSourceOptions.parse({ ...login, ssl: { ca: '/nowhere/ca.pem' } });
    await expect(MysqlSession.open(unreadable)).rejects.toMatchObject({
      code: 'CDC_CONFIG_INVALID',
    });
  });
});

describe.skipIf(inject('serverUrls').mysql === undefined)('source on MySQL without GTIDs', () => {
  test('takes the lock for a moment, says so, and is right', async () => {
    const withoutGtid = ['--gtid-mode=OFF', '--enforce-gtid-consistency=OFF'];
    await using server = await LocalServer.open(await serverProgram('mysql'), withoutGtid);
    const { host, port, user, password } = server.address;
    const login = { host, port, user, password: password.reveal() };
    const connection = await createConnection(login);
    try {
      await connection.query('CREATE DATABASE shop');
      await proveUnderWriters(login, connection, 'shop');
      await using source = openSource(login, 'shop');
      expect(await source.preflight()).toMatchObject([{ where: 'gtid_mode', severity: 'warning' }]);
    } finally {
      await connection.end();
    }
  });
});
