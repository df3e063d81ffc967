import { expect, test } from 'vitest';
import type { ColumnType } from '../../src/change/table-schema.ts';
import { BinlogReading } from '../support/binlog-reading.ts';
import { openTestDatabase, type TestDatabase } from '../support/test-database.ts';
import type { ServerFlavour } from '../support/test-server.ts';
import { describeEachServer } from '../support/test-server.ts';

interface TypeCase {
  readonly type: string;
  /** SQL expressions. */
  readonly values: readonly string[];
  readonly only?: ServerFlavour;
  /** How to ask the server for the same text that the row bytes read as; default by column type. */
  readonly select?: string;
}

const integers = ['tinyint', 'smallint', 'mediumint', 'int', 'bigint'].flatMap(
  (type, index): TypeCase[] => {
    const bits = [8n, 16n, 24n, 32n, 64n][index] ?? 0n;
    const top = 1n << (bits - 1n);
    return [
      { type, values: [`${-top}`, `${top - 1n}`, '0', '-1', '1', '-128', '100'] },
      { type: `${type} unsigned`, values: ['0', `${2n * top - 1n}`, `${top}`, '1', '200'] },
    ];
  },
);

const decimals = [
  ...[
    'decimal(5,0)',
    'decimal(4,4)',
    'decimal(9,2)',
    'decimal(10,2)',
    'decimal(15,3)',
    'decimal(1,0)',
  ],
  ...[
    'decimal(16,0)',
    'decimal(18,9)',
    'decimal(20,10)',
    'decimal(38,18)',
    'decimal(65,30)',
    'decimal(65,0)',
  ],
].map((type): TypeCase => {
  const [precision = 0, scale = 0] = (/\d+,\d+/.exec(type)?.[0] ?? '').split(',').map(Number);
  const nines = `${'9'.repeat(precision - scale)}.${'9'.repeat(scale)}0`;
  const some = `${'123456789'.repeat(8).slice(0, precision - scale)}.${'987654321'.repeat(4).slice(0, scale)}0`;
  return { type, values: [nines, `-${nines}`, some, `-${some}`, '0', '0.1', '-0.1'] };
});

const fractions = [0, 1, 2, 3, 4, 5, 6];
const temporals: TypeCase[] = [
  {
    type: 'date',
    values: [`'1900-01-01'`, `'2299-12-31'`, `'1970-01-01'`, `'2000-02-29'`, `'1969-12-31'`],
  },
  { type: 'year', values: ['0', '1901', '2155', '2024'] },
  ...fractions.map((fsp) => ({
    type: `datetime(${fsp})`,
    values: [
      `'1900-01-01 00:00:00'`,
      `'2299-12-31 23:59:59.${'9'.repeat(fsp)}'`,
      `'2024-02-29 12:34:56.123456'`,
      `'1969-12-31 23:59:59.9'`,
      `'2255-06-05 23:47:34.740993'`,
    ],
  })),
  ...fractions.map((fsp) => ({
    type: `timestamp(${fsp})`,
    values: [`'1970-01-01 00:00:01'`, `'2038-01-19 03:14:07'`, `'2024-06-30 23:59:59.987654'`],
  })),
  ...fractions.map((fsp) => ({
    type: `time(${fsp})`,
    values: [
      ...[
        `'00:00:00'`,
        `'-00:00:01'`,
        `'838:59:59'`,
        `'-838:59:59'`,
        `'-00:00:00.5'`,
        `'-100:00:01.25'`,
      ],
      ...[`'12:34:56.123456'`, `'-12:34:56.999999'`, `'-00:00:00.000001'`],
    ],
  })),
];

const others: TypeCase[] = [
  { type: 'float', values: ['0', '-0.0', '1.1', '16777217', '3.4e38', '-1e-45'], select: 'HEX' },
  { type: 'double', values: ['0', '1.1', '1e300', '-2.2250738585072014e-308', '9007199254740993'] },
  { type: 'bit(1)', values: [`b'0'`, `b'1'`] },
  { type: 'bit(12)', values: [`b'101010101010'`, '0', '4095'] },
  { type: 'bit(64)', values: ['18446744073709551615', '0', '1', '9223372036854775808'] },
  {
    type: `enum('a','b,c','it''s','"q"','中')`,
    values: [`'a'`, `'b,c'`, `'it''s'`, `'"q"'`, `'中'`, `''`],
  },
  {
    type: `set('a','b','it''s','中')`,
    values: [`''`, `'a'`, `'a,b'`, `'it''s,中'`, `'a,b,it''s,中'`],
  },
  {
    type: `set(${Array.from({ length: 64 }, (_, index) => `'m${index}'`).join()})`,
    values: ['0', '1', '18446744073709551615', '9223372036854775808', '4294967296', '2147483648'],
  },
  {
    type: `enum(${Array.from({ length: 300 }, (_, index) => `'e${index}'`).join()})`,
    values: ['1', '256', '300'],
  },
  { type: 'char(10)', values: [`''`, `'abc'`, `'ünïcødé'`, `'😀'`] },
  { type: 'char(255)', values: [`REPEAT('😀', 255)`, `'x'`] },
  { type: 'varchar(20)', values: [`''`, `'abc  '`, `'日本'`] },
  {
    type: 'varchar(3000)',
    values: [`REPEAT('ab', 20)`, `REPEAT('x', 127)`, `REPEAT('x', 128)`, `REPEAT('ü', 1500)`],
  },
  { type: 'tinytext', values: [`'t'`, `REPEAT('y', 255)`] },
  { type: 'text', values: [`''`, `REPEAT('text', 10000)`] },
  { type: 'mediumtext', values: [`REPEAT('m', 70000)`] },
  { type: 'longtext', values: [`REPEAT('é', 100000)`] },
  { type: 'binary(16)', values: [`x'00'`, `x'0102000000'`, `x'ffffffffffffffffffffffffffffffff'`] },
  { type: 'varbinary(300)', values: [`x''`, `x'0000'`, `REPEAT(x'ff', 300)`] },
  { type: 'tinyblob', values: [`x'00ff'`] },
  { type: 'blob', values: [`x''`, `REPEAT(x'0a', 60000)`] },
  { type: 'longblob', values: [`REPEAT(x'80', 70000)`] },
  { type: 'point', values: [`ST_GeomFromText('POINT(1 2)')`] },
  { type: 'geometry', values: [`ST_GeomFromText('LINESTRING(0 0,1 1,2 2)')`] },
  {
    type: 'uuid',
    only: 'mariadb',
    values: [
      `'123e4567-e89b-12d3-a456-426655440000'`,
      `'00000000-0000-0000-0000-000000000000'`,
      `'f47ac10b-58cc-4372-a567-0e02b2c3d400'`,
    ],
  },
  {
    type: 'inet6',
    only: 'mariadb',
    values: [
      `'::'`,
      `'::1'`,
      `'2001:db8::ff00:42:0'`,
      `'::ffff:192.0.2.128'`,
      `'::192.0.2.1'`,
      `'1:0:0:2:0:0:0:3'`,
    ],
  },
  { type: 'inet4', only: 'mariadb', values: [`'0.0.0.0'`, `'10.0.255.0'`] },
  {
    type: 'varchar(100) COMPRESSED',
    only: 'mariadb',
    values: [`''`, `REPEAT('c', 100)`, `'short'`],
  },
  { type: 'text COMPRESSED', only: 'mariadb', values: [`''`, `REPEAT('compress me ', 500)`] },
  { type: 'blob COMPRESSED', only: 'mariadb', values: [`REPEAT(x'00', 5000)`] },
  { type: 'json', only: 'mariadb', values: [`'{"a": 1.0,"b":[1,2]}'`] },
];

const cases = [...integers, ...decimals, ...temporals, ...others];

/** The server's text for a value, in the form in which the test reads row bytes. */
function selectOf(name: string, type: ColumnType, { select }: TypeCase): string {
  if (select === 'HEX') return `CAST(${name} AS DOUBLE)`;
  switch (type.kind) {
    case 'binary':
      return `LOWER(HEX(${name}))`;
    case 'geometry':
      return `LOWER(HEX(CAST(${name} AS BINARY)))`;
    case 'bit':
      return `CAST(${name} + 0 AS CHAR)`;
    case 'year':
      return `LPAD(${name}, 4, '0')`;
    default:
      return `CAST(${name} AS CHAR)`;
  }
}

function sameText(type: ColumnType, ours: string | null | undefined, server: string): void {
  if (type.kind === 'float') {
    const [left, right] = [Number(ours), Number(server)];
    expect(type.bits === 32 ? Math.fround(left) : left).toBe(
      type.bits === 32 ? Math.fround(right) : right,
    );
  } else {
    expect(ours).toBe(server);
  }
}

async function makeTable(database: TestDatabase, wanted: readonly TypeCase[]): Promise<void> {
  const columns = wanted.map((entry, index) => `c${index} ${entry.type} NULL`);
  await database.connection.query(
    `SET sql_mode = 'NO_ENGINE_SUBSTITUTION', time_zone = '+00:00';
    CREATE TABLE t (id int PRIMARY KEY, ${columns.join(', ')}, last varchar(10) NOT NULL) CHARACTER SET utf8mb4`,
  );
}

describeEachServer('values in the stream', (flavour) => {
  const wanted = cases.filter(({ only }) => only === undefined || only === flavour);

  test('every type reads as the server prints it', async () => {
    await using database = await openTestDatabase(flavour);
    await makeTable(database, wanted);
    await using reading = await BinlogReading.open(database);
    const schema = await reading.schema(`${database.name}.t`);
    const from = await reading.here();
    const count = Math.max(...wanted.map(({ values }) => values.length));
    for (let row = 0; row < count; row++) {
      const values = wanted.map(({ values: some }) => some[row] ?? 'NULL');
      await database.connection.query(
        `INSERT INTO t VALUES (${row}, ${values.join(', ')}, 'last')`,
      );
    }
    const rows = reading.rows(await reading.readToEnd(from, [schema]));
    expect(rows).toHaveLength(count);
    for (const [index, entry] of wanted.entries()) {
      const name = `c${index}`;
      const type = schema.columns.find((column) => column.name === name)?.type ?? {
        kind: 'string',
      };
      const [answer] = await database.connection.query(
        `SELECT ${selectOf(name, type, entry)} AS v FROM t ORDER BY id`,
      );
      for (const [row, { v }] of (answer as { v: string | null }[]).entries()) {
        const ours = rows[row]?.values[name];
        if (v === null) expect(ours, `${entry.type} row ${row}`).toBeNull();
        else sameText(type, ours, String(v));
      }
    }
    expect(rows.every(({ values }) => values['last'] === 'last')).toBe(true);
  });

  test('130 columns, generated, invisible and hidden ones stand in their places', async () => {
    await using database = await openTestDatabase(flavour);
    const many = Array.from({ length: 130 }, (_, index) => `c${index} smallint NULL`);
    const hidden = flavour === 'mariadb' ? ', h text, UNIQUE (h)' : ', h text';
    await database.connection.query(
      `CREATE TABLE t (id int PRIMARY KEY, ${many.join(', ')}, s int AS (c0 + 1) STORED,
        v int AS (c1 + 1) VIRTUAL, i int INVISIBLE DEFAULT 7 ${hidden}, last int)`,
    );
    await using reading = await BinlogReading.open(database);
    const schema = await reading.schema(`${database.name}.t`);
    const from = await reading.here();
    const names = ['id', ...many.map((_, index) => `c${index}`), 'h', 'last'];
    const values = (id: number) =>
      names.map((_, index) => (index % 3 === id && index > 0 ? 'NULL' : index + id));
    for (const id of [0, 1, 2]) {
      await database.connection.query(`INSERT INTO t (${names}) VALUES (${values(id)})`);
    }
    const rows = reading.rows(await reading.readToEnd(from, [schema]));
    const all = schema.columns.map(({ name }) => `CAST(${name} AS CHAR) AS ${name}`);
    const [answer] = await database.connection.query(`SELECT ${all} FROM t ORDER BY id`);
    expect(rows.map((row) => row.values)).toEqual((answer as object[]).map((row) => ({ ...row })));
    expect(rows).toHaveLength(3);
  });

  test.runIf(flavour === 'mysql')(
    'a row larger than one packet of the protocol is whole',
    async () => {
      await using database = await openTestDatabase(flavour);
      await database.connection.query('CREATE TABLE t (id int PRIMARY KEY, v longblob)');
      await using reading = await BinlogReading.open(database);
      const schema = await reading.schema(`${database.name}.t`);
      const from = await reading.here();
      await database.connection.query(
        `INSERT INTO t VALUES (1, REPEAT(x'616263', 7000000)), (2, 'x')`,
      );
      const rows = reading.rows(await reading.readToEnd(from, [schema]));
      expect(rows.map(({ values }) => values['v']?.length)).toEqual([42_000_000, 2]);
      expect(rows[0]?.values['v']?.endsWith('616263')).toBe(true);
    },
  );
});
