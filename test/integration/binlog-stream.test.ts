import { afterAll, beforeAll, expect, test } from 'vitest';
import { comparePositions, versionOf } from '../../src/change/position.ts';
import type { StreamItem } from '../../src/source/source.ts';
import { BinlogReading, sectionsOf } from '../support/binlog-reading.ts';
import { OwnServer } from '../support/own-server.ts';
import { describeEachServer } from '../support/test-server.ts';
import { waitUntil } from '../support/wait-until.ts';

function short(rows: readonly { values: Record<string, unknown>; deleted: boolean }[]): string[] {
  return rows.map(({ values, deleted }) => `${deleted ? '-' : '+'}${Object.values(values).join()}`);
}

describeEachServer('the stream', (flavour) => {
  // Its own server: others' transactions would be counted too.
  let server: OwnServer;
  beforeAll(async () => {
    server = await OwnServer.open(flavour);
  });
  afterAll(() => server[Symbol.asyncDispose]());

  test('gives inserts, updates, deletes and changed keys in order', async () => {
    await using database = await server.openDatabase();
    const { connection, name } = database;
    await connection.query('CREATE TABLE t (a varchar(9), b int, v int, PRIMARY KEY (a, b))');
    await using reading = await BinlogReading.open(database);
    const schema = await reading.schema(`${name}.t`);
    const from = await reading.here();
    await connection.query(`INSERT INTO t VALUES ('x', 1, 10), ('x', 2, 20), ('y', 1, 30)`);
    await connection.query(`UPDATE t SET v = 11 WHERE b = 1 AND a = 'x'`);
    await connection.query(`UPDATE t SET b = b + 5 ORDER BY b DESC`);
    await connection.query(`DELETE FROM t WHERE a = 'y'`);
    await connection.query(`INSERT INTO t VALUES ('z', 1, 1) ON DUPLICATE KEY UPDATE v = 2`);
    const items = await reading.readToEnd(from, [schema]);
    const rows = reading.rows(items);
    expect(short(rows)).toEqual([
      ...['+x,1,10', '+x,2,20', '+y,1,30', '+x,1,11'],
      ...['-x,2,20', '+x,7,20', '-x,1,11', '+x,6,11', '-y,1,30', '+y,6,30'],
      ...['-y,6,30', '+z,1,1'],
    ]);
    for (const [index, row] of rows.entries()) {
      if (index > 0) expect(row.version).toBeGreaterThan(rows[index - 1]?.version ?? 0n);
      expect(row.version).toBeGreaterThan(versionOf(from));
    }
    const end = items.at(-1)?.batch.position;
    expect(end && versionOf(end)).toBeGreaterThan(rows.at(-1)?.version ?? 0n);
    expect(end).toEqual(await reading.here());
  });

  test('gives the same versions again from every transaction boundary', async () => {
    await using database = await server.openDatabase();
    const { connection, name } = database;
    await connection.query(
      'CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE m (id int PRIMARY KEY) ENGINE=MyISAM',
    );
    await using reading = await BinlogReading.open(database);
    const known = [await reading.schema(`${name}.t`), await reading.schema(`${name}.m`)];
    const from = await reading.here();
    await connection.query(
      `INSERT INTO t VALUES (1, REPEAT('a', 9000)), (2, REPEAT('b', 9000)), (3, '')`,
    );
    await connection.query(
      `BEGIN; INSERT INTO t VALUES (4, 'x'); UPDATE t SET v = 'y'; DELETE FROM t WHERE id = 1; COMMIT`,
    );
    await connection.query('INSERT INTO m VALUES (1), (2)');
    await connection.query('FLUSH BINARY LOGS');
    await connection.query(`INSERT INTO t VALUES (5, 'after'); UPDATE t SET id = id + 10`);
    const end = await reading.here();
    const all = reading.rows(await reading.readToEnd(from, known));
    const one = reading.stream();
    const boundaries = [from];
    const schemas = new Map(known.map((schema) => [schema.table, schema]));
    // Pulled one transaction at a time while idle, so that every boundary shows.
    for await (const { batch } of one.stream(from, schemas, AbortSignal.timeout(20_000))) {
      boundaries.push(batch.position);
      if (comparePositions(batch.position, end) >= 0) break;
    }
    for (const boundary of boundaries) {
      const again = reading.rows(await reading.readUntil(boundary, end, known));
      const rest = all.filter(({ version }) => version > versionOf(boundary));
      expect(again).toEqual(rest);
      const { gtid: _, ...place } = boundary;
      expect(reading.rows(await reading.readUntil(place, end, known))).toEqual(rest);
    }
  });

  test('skips tables outside the patterns but passes over their transactions', async () => {
    await using database = await server.openDatabase();
    const { connection, name } = database;
    await connection.query(
      'CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE other (id int PRIMARY KEY)',
    );
    await using reading = await BinlogReading.open(database, { tables: [`${name}.t`] });
    const schema = await reading.schema(`${name}.t`);
    const from = await reading.here();
    await connection.query(
      'INSERT INTO other VALUES (1); INSERT INTO t VALUES (1); INSERT INTO other VALUES (2)',
    );
    const items = await reading.readToEnd(from, [schema]);
    expect(short(reading.rows(items))).toEqual(['+1']);
    expect(items.at(-1)?.batch.position).toEqual(await reading.here());
  });

  test('hands over a transaction as soon as it commits, with its commit time', async () => {
    await using database = await server.openDatabase();
    const { connection, name } = database;
    await connection.query('CREATE TABLE t (id int PRIMARY KEY)');
    await using reading = await BinlogReading.open(database);
    const schema = await reading.schema(`${name}.t`);
    const from = await reading.here();
    const abort = new AbortController();
    const stream = reading.stream().stream(from, new Map([[schema.table, schema]]), abort.signal);
    await connection.query('INSERT INTO t VALUES (0)');
    await stream.next();
    const delays: number[] = [];
    for (let id = 1; id <= 20; id++) {
      const next = stream.next();
      const before = performance.now();
      await connection.query(`INSERT INTO t VALUES (${id})`);
      const { value } = await next;
      delays.push(performance.now() - before);
      const batch = (value as StreamItem).batch;
      expect(batch.transactions).toBe(1);
      expect(Math.abs(batch.committedAtMs - Date.now())).toBeLessThan(2000);
      expect(batch.receivedAtMs).toBeGreaterThanOrEqual(batch.committedAtMs - 1000);
    }
    expect(delays.sort((left, right) => left - right)[10]).toBeLessThan(200);
    abort.abort();
    expect((await stream.next()).done).toBe(true);
  });

  test('hands over a transaction too large for memory in open parts', async () => {
    await using database = await server.openDatabase();
    const { connection, name } = database;
    await connection.query('CREATE TABLE t (id int PRIMARY KEY, v longblob)');
    await using reading = await BinlogReading.open(database);
    const schema = await reading.schema(`${name}.t`);
    const from = await reading.here();
    await connection.query('INSERT INTO t VALUES (0, NULL)');
    await connection.query('BEGIN');
    for (let id = 1; id <= 50; id++) {
      await connection.query(`INSERT INTO t VALUES (${id}, REPEAT(x'00', 1048576))`);
    }
    await connection.query('COMMIT');
    const items = await reading.readToEnd(from, [schema]);
    const open = items.filter((item) => item.open);
    expect(open.length).toBeGreaterThanOrEqual(2);
    const first = open[0]?.batch;
    expect(first?.transactions).toBe(0);
    for (const part of open) expect(part.batch.position).toEqual(first?.position);
    const largest = Math.max(
      ...sectionsOf(items).map((section) => (section.kind === 'rows' ? section.bytes.length : 0)),
    );
    expect(largest).toBeLessThan(20 * 1024 ** 2);
    expect(reading.rows(items)).toHaveLength(51);
    expect(items.reduce((sum, { batch }) => sum + batch.transactions, 0)).toBe(2);
  });

  test('stops the server while nobody pulls, and loses nothing', async () => {
    await using database = await server.openDatabase();
    const { connection, name } = database;
    await connection.query('CREATE TABLE t (id int PRIMARY KEY AUTO_INCREMENT, v blob)');
    await using reading = await BinlogReading.open(database, { heartbeatSeconds: 0.2 });
    const schema = await reading.schema(`${name}.t`);
    const from = await reading.here();
    for (let index = 0; index < 60; index++) {
      await connection.query(
        `INSERT INTO t (v) SELECT REPEAT(x'61', 60000) FROM information_schema.COLLATIONS LIMIT 16`,
      );
    }
    const end = await reading.here();
    const stream = reading.stream();
    const items = stream.stream(
      from,
      new Map([[schema.table, schema]]),
      AbortSignal.timeout(60_000),
    );
    const first = await items.next();
    // The reader stands still, well before the end, however long nobody pulls.
    let last = -1;
    await waitUntil('the stream is full', () => {
      const now = stream.readPosition?.offset ?? 0;
      const stands = now === last;
      last = now;
      return (
        stands &&
        new Promise<boolean>((resolve) =>
          setTimeout(() => resolve(stream.readPosition?.offset === now), 1500),
        )
      );
    });
    expect(last).toBeLessThan(end.offset);
    let rows = reading.rows([first.value as StreamItem]).length;
    for await (const item of items) {
      rows += reading.rows([item]).length;
      if (comparePositions(item.batch.position, end) >= 0) break;
    }
    expect(rows).toBe(60 * 16);
  });

  test('stays well while nothing happens, longer than three heartbeats', async () => {
    await using database = await server.openDatabase();
    const { connection, name } = database;
    await connection.query('CREATE TABLE t (id int PRIMARY KEY)');
    await using reading = await BinlogReading.open(database, { heartbeatSeconds: 0.1 });
    const schema = await reading.schema(`${name}.t`);
    const from = await reading.here();
    const stream = reading
      .stream()
      .stream(from, new Map([[schema.table, schema]]), AbortSignal.timeout(20_000));
    const next = stream.next();
    const idle = new Promise((resolve) => setTimeout(resolve, 1500, 'idle'));
    expect(await Promise.race([next, idle])).toBe('idle');
    await connection.query('INSERT INTO t VALUES (1)');
    expect(short(reading.rows([(await next).value as StreamItem]))).toEqual(['+1']);
    await stream.return(undefined);
  });
});
