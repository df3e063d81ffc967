import { describe, expect, test } from 'vitest';
import type { Position } from '../../src/change/position.ts';
import type { TableSchema } from '../../src/change/table-schema.ts';
import { CdcError } from '../../src/errors.ts';
import { MysqlSession } from '../../src/source/mysql/connection.ts';
import { type MysqlSourceOptions, mysqlSourceOptions } from '../../src/source/mysql/options.ts';
import { SchemaReader } from '../../src/source/mysql/schema/schema-reader.ts';
import { readServerInfo } from '../../src/source/mysql/server-info.ts';
import { positionAt, readBinlogEnd } from '../../src/source/mysql/server-position.ts';
import { TableSnapshot } from '../../src/source/mysql/snapshot/table-snapshot.ts';
import { openWatermarks } from '../../src/source/mysql/snapshot/watermark.ts';
import type { SnapshotItem, SnapshotProgress } from '../../src/source/source.ts';
import { type DecodedRow, decodeRows } from '../contract/decode-rows.ts';
import { openTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { describeEachServer } from '../support/test-server.ts';

interface Reading {
  readonly items: SnapshotItem[];
  readonly rows: DecodedRow[];
  readonly schema: TableSchema;
}

interface ReadingOptions {
  readonly chunkRows?: number;
  readonly resume?: SnapshotProgress;
  readonly known?: TableSchema;
  readonly source?: Partial<MysqlSourceOptions>;
  /** Ends the reading after the item for which it gives true. */
  readonly until?: (item: SnapshotItem) => boolean | Promise<boolean>;
}

/** Reads one table as `cdc init` would, without a stream beside it. */
async function readTable(
  database: TestDatabase,
  name: string,
  options: ReadingOptions = {},
): Promise<Reading> {
  const { host, port, user, password } = database.options;
  const source: MysqlSourceOptions = {
    ...mysqlSourceOptions.parse({ type: 'mysql', host, port, user, password, tables: ['*.*'] }),
    ...options.source,
  };
  const table = `${database.name}.${name}`;
  await using session = await MysqlSession.open(source);
  await using control = await MysqlSession.open(source);
  const server = await readServerInfo(session);
  const schemas = new SchemaReader(source, server.flavour);
  const snapshot = new TableSnapshot(table, {
    session,
    schemas,
    knownSchema: () => options.known,
    openWatermarks: (reader) =>
      openWatermarks(reader, { server, epoch: 0, streamPosition: () => undefined }),
    endPosition: async (): Promise<Position> =>
      positionAt(await readBinlogEnd(control, server), server, 0),
    chunkRows: options.chunkRows ?? 1000,
    schemaWaitMs: 0,
  });
  const items: SnapshotItem[] = [];
  for await (const item of snapshot.items(options.resume)) {
    items.push(item);
    if (await options.until?.(item)) break;
  }
  const description = await schemas.describe(control, table);
  if (description === undefined) throw new Error(`no table ${table}`);
  const { schema } = schemas.toSourceTable(description);
  return { items, schema, rows: items.flatMap((item) => rowsOf(item, schema)) };
}

function rowsOf({ batch }: SnapshotItem, schema: TableSchema): DecodedRow[] {
  return batch.sections.flatMap((section) =>
    section.kind === 'rows' && section.schemaVersion === schema.version
      ? decodeRows(schema, section.bytes)
      : [],
  );
}

function ids(rows: readonly DecodedRow[]): (string | null | undefined)[] {
  return rows.map((row) => row.values['id']);
}

interface TypeCase {
  readonly type: string;
  readonly values: readonly string[];
  readonly only?: 'mysql' | 'mariadb';
  /** What a plain session prints for the column `v`, where CAST(v AS CHAR) is not it. */
  readonly text?: string;
}

/** Not cast to text: MySQL's CAST rounds the largest double up to infinity. */
const asNumber = 'v * 1e0';
const typeCases: TypeCase[] = [
  { type: 'tinyint', values: ['-128', '127', '0'] },
  { type: 'tinyint(1)', values: ['2', '-1'] },
  { type: 'tinyint unsigned', values: ['255'] },
  { type: 'smallint', values: ['-32768', '32767'] },
  { type: 'smallint unsigned', values: ['65535'] },
  { type: 'mediumint', values: ['-8388608', '8388607'] },
  { type: 'mediumint unsigned', values: ['16777215'] },
  { type: 'int', values: ['-2147483648', '2147483647'] },
  { type: 'int(8) unsigned zerofill', values: ['4294967295', '42'], text: 'CAST(v + 0 AS CHAR)' },
  { type: 'bigint', values: ['-9223372036854775808', '9223372036854775807', '-1', '-4294967297'] },
  { type: 'bigint unsigned', values: ['18446744073709551615', '9007199254740993'] },
  {
    type: 'float',
    values: ['1.1', '-0e0', '16777216', '3.4028234e38', '1.17549435e-38'],
    text: asNumber,
  },
  { type: 'float(7,3)', values: ['1234.567', '0.001'], text: asNumber },
  {
    type: 'double',
    values: ['0.1', '-1.7976931348623157e308', '5e-324', '1e22', '123456789.123456789'],
    text: asNumber,
  },
  { type: 'double(10,2)', values: ['0.07', '12345678.91'], text: asNumber },
  { type: 'decimal(9,2)', values: ['-9999999.99', '0.05', '-0.01'] },
  { type: 'decimal(18,6)', values: ['999999999999.999999', '-123456789.123456', '-0.000001'] },
  { type: 'decimal(38,18)', values: ['-99999999999999999999.999999999999999999', '0'] },
  { type: 'decimal(65,30)', values: [`-${'9'.repeat(35)}.${'9'.repeat(30)}`, '1e-30'] },
  { type: 'decimal(5,0)', values: ['-99999'] },
  { type: 'decimal(4,4)', values: ['-0.9999'] },
  { type: 'bit(1)', values: ["b'1'"], text: 'CAST(v + 0 AS CHAR)' },
  { type: 'bit(12)', values: ["b'101010101010'"], text: 'CAST(v + 0 AS CHAR)' },
  {
    type: 'bit(64)',
    values: [`b'${'1'.repeat(64)}'`, `b'1${'0'.repeat(63)}'`],
    text: 'CAST(v + 0 AS CHAR)',
  },
  { type: 'year', values: ['0', '1901', '2155'] },
  { type: 'date', values: ["'1900-01-01'", "'2299-12-31'", "'2024-02-29'", "'1969-12-31'"] },
  { type: 'datetime', values: ["'1900-01-01 00:00:00'", "'2299-12-31 23:59:59'"] },
  { type: 'datetime(1)', values: ["'1969-12-31 23:59:59.9'"] },
  { type: 'datetime(6)', values: ["'2299-12-31 23:59:59.999999'", "'1900-01-01 00:00:00.000001'"] },
  { type: 'timestamp null', values: ["'1970-01-01 00:00:01'", "'2038-01-19 03:14:07'"] },
  { type: 'timestamp(3) null', values: ["'2024-03-31 02:30:00.123'"] },
  { type: 'time', values: ["'-838:59:59'", "'838:59:59'", "'00:00:00'"] },
  { type: 'time(6)', values: ["'-00:00:00.000001'", "'100:00:00.500000'"] },
  { type: 'char(10)', values: ["'a  '", "''", "'héllo'"] },
  { type: 'varchar(300)', values: ["'trailing  '", `'${'x'.repeat(300)}'`, "'a\\tb\\nc\\\\d'"] },
  { type: 'varchar(20) character set latin1', values: ["'é€'", "_latin1 x'818D8F909D'"] },
  { type: 'varchar(20) character set gbk', values: ["'汉字'"] },
  { type: 'varchar(20) character set utf16', values: ["'𝄞é'"] },
  { type: 'text', values: [`repeat('😀', 16000)`, "''"] },
  { type: 'longtext', values: [`repeat('ab', 200000)`] },
  { type: "enum('a','b,c','it''s','é')", values: ["'b,c'", "'it''s'", "'é'"] },
  { type: "set('x','y','z w')", values: ["'x,z w'", "''"] },
  { type: 'binary(4)', values: ["x'01'", "x'FF00FF00'"], text: 'LOWER(HEX(v))' },
  { type: 'varbinary(10)', values: ["x'00FF0A0D5C'", "''"], text: 'LOWER(HEX(v))' },
  { type: 'blob', values: ["repeat(x'FE', 300)", "repeat(x'FC', 70000)"], text: 'LOWER(HEX(v))' },
  { type: 'json', values: [`'{"b": 1.0, "a": [1, "x", null], "n": 12345678901234567890}'`] },
  {
    type: 'point',
    values: ["ST_GeomFromText('POINT(1 2)', 4326)", "ST_GeomFromText('POINT(1 2)')"],
    text: 'LOWER(HEX(v))',
  },
  { type: 'geometry', values: ["ST_GeomFromText('LINESTRING(0 0,1 1)')"], text: 'LOWER(HEX(v))' },
  { type: 'uuid', only: 'mariadb', values: ["'01234567-89ab-cdef-0123-456789abcdef'"] },
  { type: 'inet6', only: 'mariadb', values: ["'::ffff:1.2.3.4'", "'2001:db8::1'"] },
];

describeEachServer('snapshot', (flavour) => {
  const cases = typeCases.filter(({ only }) => only === undefined || only === flavour);

  test('writes every type exactly as the server prints it', async () => {
    await using database = await openTestDatabase(flavour);
    const { connection } = database;
    await connection.query(`SET sql_mode = '', time_zone = '+00:00'`);
    const failures: string[] = [];
    for (const [index, { type, values, text = 'CAST(v AS CHAR)' }] of cases.entries()) {
      const name = `t${index}`;
      await connection.query(`CREATE TABLE ${name} (id int PRIMARY KEY, v ${type})`);
      for (const [id, value] of [...values, 'NULL'].entries()) {
        await connection.query(`INSERT INTO ${name} VALUES (${id}, ${value})`);
      }
      const [expected] = await connection.query(`SELECT ${text} AS v FROM ${name} ORDER BY id`);
      const { rows } = await readTable(database, name);
      const shown = (expected as { v: string | number | null }[]).map(({ v }) =>
        v !== null && text === asNumber ? renderNumber(v) : v,
      );
      const read = rows.map((row) => row.values['v']);
      if (JSON.stringify(read) !== JSON.stringify(shown)) {
        failures.push(
          `${type}: ${JSON.stringify(read)} instead of ${JSON.stringify(shown)}`.slice(0, 500),
        );
      }
    }
    expect(failures).toEqual([]);
  });

  test('random doubles and floats arrive bit for bit', async () => {
    await using database = await openTestDatabase(flavour);
    await database.connection.query('CREATE TABLE t (id int PRIMARY KEY, d double, f float)');
    const bytes = Buffer.alloc(8);
    const expected: string[][] = [];
    for (let id = 0; id < 500; id++) {
      bytes.writeUInt32LE(Math.imul(id + 1, 2654435761) >>> 0, 0);
      bytes.writeUInt32LE(Math.imul(id + 1, 1597334677) >>> 0, 4);
      const [double, float] = [bytes.readDoubleLE(), bytes.readFloatLE()];
      if (!Number.isFinite(double) || !Number.isFinite(float)) continue;
      // A subnormal float is not stored exactly when it is written as text.
      if (Math.abs(float) < 1.2e-38) continue;
      expected.push([String(double), String(float)]);
      await database.connection.query('INSERT INTO t VALUES (?, ?, ?)', [id, double, float]);
    }
    const { rows } = await readTable(database, 't');
    expect(rows.map(({ values }) => [values['d'], values['f']])).toEqual(expected);
    expect(expected.length).toBeGreaterThan(400);
  });

  test('a value the native type cannot hold is an error, as text it is kept', async () => {
    await using database = await openTestDatabase(flavour);
    const { connection } = database;
    await connection.query(`SET sql_mode = ''`);
    const values = [
      '0000-00-00 00:00:00',
      '2024-00-10 00:00:00',
      '9999-12-31 23:59:59',
      '1899-12-31 23:59:59',
    ];
    await connection.query('CREATE TABLE t (id int PRIMARY KEY, v datetime NOT NULL)');
    for (const value of values) {
      await connection.query('DELETE FROM t');
      await connection.query('INSERT INTO t VALUES (1, ?)', [value]);
      const refused = readTable(database, 't');
      await expect(refused, value).rejects.toMatchObject({
        code: 'CDC_VALUE_UNREPRESENTABLE',
        details: { table: `${database.name}.t`, column: 'v' },
      });
      await expect(refused).rejects.toBeInstanceOf(CdcError);
      const { rows } = await readTable(database, 't', { source: { temporal: 'text' } });
      expect(rows[0]?.values['v']).toBe(value);
    }
  });

  describe('walks a key', () => {
    const keyCases = [
      { name: 'int', key: 'k int', values: (n: number) => `${n - 50}` },
      {
        name: 'bigint unsigned',
        key: 'k bigint unsigned',
        values: (n: number) => `18446744073709551615 - ${n}`,
      },
      {
        name: 'case-insensitive text',
        key: 'k varchar(20) collate utf8mb4_general_ci',
        values: (n: number) => `'${n % 2 ? 'A' : 'a'}_${n}'`,
      },
      {
        name: 'latin1 text',
        key: 'k varchar(20) character set latin1',
        values: (n: number) => `'${'aéÉzäß'[n % 6]}${n}\\'\\\\'`,
      },
      {
        name: 'gbk text',
        key: 'k varchar(20) character set gbk',
        values: (n: number) => `'${'汉字中文'[n % 4]}${n}'`,
      },
      { name: 'char', key: 'k char(8)', values: (n: number) => `'${n.toString(36)} '` },
      { name: 'binary', key: 'k varbinary(9)', values: (n: number) => `unhex(hex(${n * 40503}))` },
      {
        name: 'padded binary',
        key: 'k binary(4)',
        values: (n: number) => `unhex(lpad(hex(${n * 7}), 4, '0'))`,
      },
      { name: 'decimal', key: 'k decimal(10,3)', values: (n: number) => `${(n - 50) / 8}` },
      { name: 'float', key: 'k float', values: (n: number) => `${(n - 50) / 10}` },
      { name: 'double', key: 'k double', values: (n: number) => `${(n - 50) / 7}` },
      { name: 'date', key: 'k date', values: (n: number) => `'2024-01-01' + interval ${n} day` },
      {
        name: 'datetime(6)',
        key: 'k datetime(6)',
        values: (n: number) => `'2024-01-01 00:00:00.5' + interval ${n} microsecond`,
      },
      {
        name: 'timestamp',
        key: 'k timestamp(3) not null default "2024-01-01"',
        values: (n: number) => `'2024-03-31 00:00:00' + interval ${n * 10} minute`,
      },
      { name: 'time', key: 'k time', values: (n: number) => `'${n % 2 ? '-' : ''}${n}:00:01'` },
      { name: 'year', key: 'k year', values: (n: number) => (n === 0 ? '0' : `${1950 + n}`) },
      { name: 'bit', key: 'k bit(40)', values: (n: number) => `${n * 1000003}` },
      {
        name: 'enum',
        key: `k enum(${Array.from({ length: 100 }, (_, n) => `'m${(n * 37) % 100}'`).join(',')})`,
        values: (n: number) => `'m${n}'`,
      },
      { name: 'set', key: `k set('c','a','b','g','e','f','d')`, values: (n: number) => `${n}` },
    ];
    test.each(keyCases)('$name', async ({ key, values }) => {
      await using database = await openTestDatabase(flavour);
      const { connection } = database;
      await connection.query(`SET sql_mode = ''`);
      await connection.query(`CREATE TABLE one (id int NOT NULL, ${key}, PRIMARY KEY (k))`);
      await connection.query(
        `CREATE TABLE two (id int NOT NULL, part smallint NOT NULL, ${key}, PRIMARY KEY (part, k))`,
      );
      for (let n = 0; n < 100; n++) {
        await connection.query(`INSERT INTO one (id, k) VALUES (${n}, ${values(n)})`);
        await connection.query(
          `INSERT INTO two (id, part, k) VALUES (${n}, ${n % 3}, ${values(n)})`,
        );
      }
      for (const name of ['one', 'two']) {
        const all = await readTable(database, name, { chunkRows: 7 });
        expect(new Set(ids(all.rows)).size, name).toBe(100);
        expect(all.rows.length, name).toBe(100);
        expect(all.items.at(-1)?.progress).toMatchObject({ done: true, rows: 100, chunks: 15 });
      }
    });
  });

  test('goes on after the last chunk, and sweeps what is older than the first', async () => {
    await using database = await openTestDatabase(flavour);
    const { connection } = database;
    await connection.query('CREATE TABLE t (id int PRIMARY KEY, v varchar(10))');
    await connection.query(
      `INSERT INTO t VALUES ${Array.from({ length: 25 }, (_, n) => `(${n}, 'v${n}')`).join(',')}`,
    );
    const started = await readTable(database, 't', {
      chunkRows: 10,
      until: ({ progress }) => progress.chunks === 1,
    });
    expect(ids(started.rows)).toEqual(Array.from({ length: 10 }, (_, n) => String(n)));
    expect(started.items[0]?.batch.sections).toMatchObject([
      { kind: 'schema', existingRows: 'keep' },
    ]);
    const stored = started.items.at(-1)?.progress;
    if (stored === undefined) throw new Error('no progress');
    const resume = JSON.parse(JSON.stringify(stored)) as SnapshotProgress;
    const rest = await readTable(database, 't', { chunkRows: 10, resume, known: started.schema });
    expect(ids(rest.rows)).toEqual(Array.from({ length: 15 }, (_, n) => String(n + 10)));
    const sections = rest.items.flatMap(({ batch }) => batch.sections);
    expect(sections.map(({ kind }) => kind)).toEqual(['rows', 'rows', 'sweep']);
    const version = BigInt(resume.firstVersion);
    expect(sections.at(-1)).toMatchObject({ kind: 'sweep', version });
    expect(started.rows.every((row) => row.version === version && !row.deleted)).toBe(true);
    expect(rest.rows.every((row) => row.version >= version)).toBe(true);
  });

  test('an empty table gives its schema and a sweep', async () => {
    await using database = await openTestDatabase(flavour);
    await database.connection.query('CREATE TABLE t (id int PRIMARY KEY)');
    const { items } = await readTable(database, 't');
    expect(items.flatMap(({ batch }) => batch.sections).map(({ kind }) => kind)).toEqual([
      'schema',
      'sweep',
    ]);
    expect(items.at(-1)?.progress).toMatchObject({ done: true, rows: 0 });
  });

  test('a table whose columns change while it is read is read again', async () => {
    await using database = await openTestDatabase(flavour);
    const { connection } = database;
    await connection.query('CREATE TABLE t (id int PRIMARY KEY, v int)');
    await connection.query(
      `INSERT INTO t VALUES ${Array.from({ length: 20 }, (_, n) => `(${n}, ${n})`).join(',')}`,
    );
    let altered = false;
    const { rows, items } = await readTable(database, 't', {
      chunkRows: 5,
      until: async ({ progress }) => {
        if (progress.chunks === 2 && !altered) {
          altered = true;
          await connection.query('ALTER TABLE t ADD COLUMN w int NOT NULL DEFAULT 7');
        }
        return false;
      },
    });
    // The rows in the new layout are complete, and the new layout was announced.
    expect(rows.length).toBe(20);
    expect(rows.every((row) => row.values['w'] === '7')).toBe(true);
    const announced = items
      .flatMap(({ batch }) => batch.sections)
      .filter(({ kind }) => kind === 'schema');
    expect(announced.length).toBe(2);
  });

  test('long rows come in several batches of a chunk, each with its own last key', async () => {
    await using database = await openTestDatabase(flavour);
    const { connection } = database;
    await connection.query('CREATE TABLE t (id int PRIMARY KEY, v longtext)');
    for (let id = 0; id < 12; id++) {
      await connection.query(`INSERT INTO t VALUES (${id}, repeat('x', 3000000))`);
    }
    const { items, rows } = await readTable(database, 't', { chunkRows: 100 });
    expect(rows.map(({ values }) => [values['id'], values['v']?.length])).toEqual(
      Array.from({ length: 12 }, (_, id) => [String(id), 3_000_000]),
    );
    const parts = items.filter(({ batch }) => batch.sections.some(({ kind }) => kind === 'rows'));
    expect(parts.length).toBeGreaterThanOrEqual(4);
    expect(parts[0]?.progress).toMatchObject({ chunks: 0, lastKey: ['2'], done: false });
  });

  test('a table identified by columns without an index is read in one go', async () => {
    await using database = await openTestDatabase(flavour);
    const { connection } = database;
    await connection.query('CREATE TABLE t (id int, v int)');
    await connection.query('INSERT INTO t VALUES (1, 1), (2, 2), (3, 3)');
    await expect(readTable(database, 't')).rejects.toMatchObject({
      code: 'CDC_TABLE_NO_PRIMARY_KEY',
    });
    const source = { overrides: [{ tables: '*.t', key: ['id'] }] };
    const { rows, items } = await readTable(database, 't', { chunkRows: 2, source });
    expect(ids(rows).sort()).toEqual(['1', '2', '3']);
    expect(items.at(-1)?.progress).toMatchObject({ done: true, rows: 3 });
  });

  test('hostile names stay names', async () => {
    await using database = await openTestDatabase(flavour);
    const name = 'o`r\'d\\er"s';
    const column = 'k`); DROP';
    const quoted = (text: string) => `\`${text.replaceAll('`', '``')}\``;
    await database.connection.query(
      `CREATE TABLE ${quoted(name)} (${quoted(column)} int PRIMARY KEY, v int)`,
    );
    await database.connection.query(`INSERT INTO ${quoted(name)} VALUES (1, 1), (2, 2), (3, 3)`);
    const { rows } = await readTable(database, name, { chunkRows: 2 });
    expect(rows.map((row) => row.values[column])).toEqual(['1', '2', '3']);
  });
});

/** As JavaScript prints the number, minus zero included. */
function renderNumber(shown: string | number): string {
  const value = Number(shown);
  return Object.is(value, -0) ? '-0' : String(value);
}
