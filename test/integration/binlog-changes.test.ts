import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TransactionMark } from '../../src/change/change-batch.ts';
import { type Position, versionOf } from '../../src/change/position.ts';
import type { StreamItem } from '../../src/source/source.ts';
import type { DecodedRow } from '../contract/decode-rows.ts';
import { BinlogReading, sectionsOf } from '../support/binlog-reading.ts';
import { OwnServer } from '../support/own-server.ts';
import type { TestDatabase } from '../support/test-database.ts';
import { describeEachServer } from '../support/test-server.ts';
import { waitUntil } from '../support/wait-until.ts';

function short(rows: readonly DecodedRow[]): string[] {
  return rows.map(({ values, deleted, isBefore }) => {
    const sign = isBefore ? '~' : deleted ? '-' : '+';
    return `${sign}${Object.values(values).join()}`;
  });
}

function marksOf(items: readonly StreamItem[]): TransactionMark[] {
  return items.flatMap(({ batch }) => batch.marks ?? []);
}

async function open(database: TestDatabase, create: string) {
  await database.connection.query(create);
  const reading = await BinlogReading.open(database);
  reading.detail = 'changes';
  const schema = await reading.schema(`${database.name}.t`);
  return { reading, schema, from: await reading.here() };
}

describeEachServer('the stream in the detail of changes', (flavour) => {
  let server: OwnServer;
  beforeAll(async () => {
    server = await OwnServer.open(flavour);
  });
  afterAll(() => server[Symbol.asyncDispose]());

  /**
   * Begins a binlog file. MariaDB adds a checkpoint event a moment later, which would else come between a commit and the
   * question where the binlog ends.
   */
  async function nextFile({ connection }: TestDatabase): Promise<void> {
    await connection.query('FLUSH BINARY LOGS');
    if (flavour === 'mysql') return;
    await waitUntil('the checkpoint event is in the new file', async () => {
      const [files] = await connection.query('SHOW BINARY LOGS');
      const file = (files as { Log_name: string }[]).at(-1)?.Log_name ?? '';
      const [events] = await connection.query('SHOW BINLOG EVENTS IN ?', [file]);
      return (events as { Event_type: string; Info: string }[]).some(
        ({ Event_type, Info }) => Event_type === 'Binlog_checkpoint' && Info === file,
      );
    });
  }

  /** The transaction committed last. */
  async function lastGtid(database: TestDatabase): Promise<string> {
    const sql =
      flavour === 'mariadb'
        ? 'SELECT @@last_gtid AS gtid'
        : `SELECT CONCAT(@@server_uuid, ':', REGEXP_SUBSTR(@@GLOBAL.gtid_executed, '[0-9]+$')) AS gtid`;
    const [rows] = await database.connection.query(sql);
    return (rows as { gtid: string }[])[0]?.gtid ?? '';
  }

  test('has the row before every update, the other rows as ever', async () => {
    await using database = await server.openDatabase();
    const { connection } = database;
    const { reading, schema, from } = await open(
      database,
      'CREATE TABLE t (a varchar(9), b int, v text, PRIMARY KEY (a, b))',
    );
    await connection.query(`INSERT INTO t VALUES ('x', 1, 'one'), ('x', 2, NULL), ('y', 1, '')`);
    await connection.query(`UPDATE t SET v = CONCAT(IFNULL(v, 'nothing'), '!')`);
    await connection.query(`UPDATE t SET b = 9, v = 'moved' WHERE a = 'y'`);
    await connection.query(`INSERT INTO t VALUES ('x', 1, '') ON DUPLICATE KEY UPDATE v = 'again'`);
    await connection.query(`DELETE FROM t WHERE a = 'x'`);
    const items = await reading.readToEnd(from, [schema]);
    const rows = reading.rows(items);
    expect(short(rows)).toEqual([
      ...['+x,1,one', '+x,2,', '+y,1,'],
      ...['~x,1,one', '+x,1,one!', '~x,2,', '+x,2,nothing!', '~y,1,', '+y,1,!'],
      ...['-y,1,!', '+y,9,moved', '~x,1,one!', '+x,1,again', '-x,1,again', '-x,2,nothing!'],
    ]);
    const versions = rows.map(({ version }) => version);
    expect([...new Set(versions)].sort((left, right) => (left < right ? -1 : 1))).toEqual(versions);
    reading.detail = 'rows';
    const plain = await reading.readToEnd(from, [schema]);
    expect(reading.rows(plain)).toEqual(rows.filter(({ isBefore }) => !isBefore));
    expect(marksOf(plain)).toEqual([]);
    await reading[Symbol.asyncDispose]();
  });

  test('names transactions as the server does, and ends them where they end', async () => {
    await using database = await server.openDatabase();
    const { connection } = database;
    const { reading, schema, from } = await open(database, 'CREATE TABLE t (id int PRIMARY KEY)');
    const ids: string[] = [];
    const ends: Position[] = [];
    const statements = [
      'INSERT INTO t VALUES (1), (2)',
      'BEGIN; INSERT INTO t VALUES (3); INSERT INTO t VALUES (4); COMMIT',
      'CREATE TABLE other (id int)',
      'DELETE FROM t WHERE id = 1',
      `XA START 'x'; INSERT INTO t VALUES (5); XA END 'x'; XA COMMIT 'x' ONE PHASE`,
    ];
    for (const sql of statements) {
      if (sql.startsWith('DELETE')) await nextFile(database);
      await connection.query(sql);
      ids.push(await lastGtid(database));
      ends.push(await reading.here());
    }
    const items = await reading.readToEnd(from, [schema]);
    const marks = marksOf(items);
    expect(marks.map(({ id }) => id)).toEqual(ids);
    expect(marks.map(({ end }) => end)).toEqual(ends.map(versionOf));
    expect(items.at(-1)?.batch.position).toEqual(ends.at(-1));
    const owners = reading
      .rows(items, schema.table)
      .map(({ version }) => marks.findIndex(({ end }) => end > version));
    expect(owners).toEqual([0, 0, 1, 1, 3, 4]);
    await reading[Symbol.asyncDispose]();
  });

  test('every part of a large transaction has its mark', async () => {
    await using database = await server.openDatabase();
    const { connection } = database;
    const { reading, schema, from } = await open(
      database,
      'CREATE TABLE t (id int PRIMARY KEY, v longblob)',
    );
    await connection.query('INSERT INTO t VALUES (0, NULL)');
    await connection.query('BEGIN');
    for (let id = 1; id <= 20; id++) {
      await connection.query(`INSERT INTO t VALUES (${id}, REPEAT(x'00', 1048576))`);
    }
    await connection.query('UPDATE t SET v = NULL; COMMIT');
    const id = await lastGtid(database);
    const items = await reading.readToEnd(from, [schema]);
    const parts = items.slice(items.findIndex((item) => item.open));
    const last = parts.findIndex((item) => !item.open);
    expect(last).toBeGreaterThanOrEqual(2);
    for (const [index, { batch }] of parts.slice(0, last + 1).entries()) {
      expect(batch.marks?.map((mark) => mark.id)).toEqual([id]);
      const end = batch.marks?.[0]?.end ?? 0n;
      expect(
        index === last ? end === versionOf(batch.position) : end > versionOf(batch.position),
      ).toBe(true);
      for (const section of batch.sections) {
        const rows = reading.rows([{ open: true, batch: { ...batch, sections: [section] } }]);
        expect(rows.every(({ version }) => version < end)).toBe(true);
        // An update is never cut.
        for (const [at, row] of rows.entries()) {
          if (row.isBefore) expect(rows[at + 1]?.values['id']).toBe(row.values['id']);
        }
      }
    }
    await reading[Symbol.asyncDispose]();
  });

  test('a schema and a truncate say which statement made them', async () => {
    await using database = await server.openDatabase();
    const { connection } = database;
    const { reading, schema, from } = await open(database, 'CREATE TABLE t (id int PRIMARY KEY)');
    const statements = [
      'ALTER TABLE t ADD COLUMN note varchar(20)',
      'TRUNCATE TABLE t',
      'RENAME TABLE t TO u',
    ];
    for (const sql of statements) await connection.query(sql);
    const told = sectionsOf(await reading.readToEnd(from, [schema])).map((section) => [
      section.kind,
      section.table.split('.')[1],
      'ddl' in section ? section.ddl : undefined,
    ]);
    expect(told).toContainEqual(['truncate', 't', statements[1]]);
    expect(told).toContainEqual(['truncate', 't', statements[2]]);
    expect(told).toContainEqual(['schema', 'u', statements[2]]);
    await using again = await server.openDatabase();
    const second = await open(again, 'CREATE TABLE t (id int PRIMARY KEY)');
    await again.connection.query(`${statements[0]}; INSERT INTO t VALUES (1, 'x')`);
    const sections = sectionsOf(await second.reading.readToEnd(second.from, [second.schema]));
    expect(sections.map(({ kind }) => kind)).toEqual(['schema', 'rows']);
    expect(sections[0]).toMatchObject({ ddl: statements[0] });
    await second.reading[Symbol.asyncDispose]();
    await reading[Symbol.asyncDispose]();
  });

  test.runIf(flavour === 'mysql')('a tagged GTID is an id and a place to resume from', async () => {
    await using database = await server.openDatabase();
    const { connection } = database;
    const { reading, schema, from } = await open(database, 'CREATE TABLE t (id int PRIMARY KEY)');
    await connection.query(`SET SESSION gtid_next = 'AUTOMATIC:tag_a'`);
    await connection.query('INSERT INTO t VALUES (1)');
    await connection.query('INSERT INTO t VALUES (2)');
    await connection.query(`SET SESSION gtid_next = 'AUTOMATIC'`);
    await connection.query('INSERT INTO t VALUES (3)');
    const items = await reading.readToEnd(from, [schema]);
    const [rows] = await connection.query('SELECT @@server_uuid AS uuid');
    const { uuid } = (rows as { uuid: string }[])[0] ?? { uuid: '' };
    const marks = marksOf(items);
    expect(marks.slice(0, 2).map(({ id }) => id)).toEqual([`${uuid}:tag_a:1`, `${uuid}:tag_a:2`]);
    expect(Math.abs((marks[0]?.committedAtMs ?? 0) - Date.now())).toBeLessThan(60_000);
    const end = items.at(-1)?.batch.position;
    expect(end).toEqual(await reading.here());
    await connection.query('INSERT INTO t VALUES (4)');
    const rest = await reading.readToEnd(end ?? from, [schema]);
    expect(short(reading.rows(rest))).toEqual(['+4']);
    await reading[Symbol.asyncDispose]();
  });

  test.runIf(flavour === 'mysql')(
    'without GTIDs transactions are named by their beginning',
    async () => {
      await using other = await OwnServer.open('mysql', [
        '--gtid-mode=OFF',
        '--enforce-gtid-consistency=OFF',
      ]);
      await using database = await other.openDatabase();
      const opened = await open(database, 'CREATE TABLE t (id int PRIMARY KEY, v longblob)');
      const { reading, schema } = opened;
      const { gtid: _, ...from } = opened.from;
      await database.connection.query('INSERT INTO t VALUES (1, NULL)');
      const { file, offset } = await reading.here();
      await database.connection.query('BEGIN');
      for (let id = 2; id <= 20; id++) {
        await database.connection.query(`INSERT INTO t VALUES (${id}, REPEAT(x'00', 1048576))`);
      }
      await database.connection.query('COMMIT');
      const marks = marksOf(await reading.readToEnd(from, [schema]));
      expect(marks.length).toBeGreaterThanOrEqual(3);
      const ids = [`${from.file}:${from.offset}`, `${file}:${offset}`];
      expect([...new Set(marks.map(({ id }) => id))]).toEqual(ids);
      await reading[Symbol.asyncDispose]();
    },
  );
});
