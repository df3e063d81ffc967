import fc from 'fast-check';
import { expect, test } from 'vitest';
import { charsetOf, textDecodingOf } from '../../src/source/mysql/binlog/charset.ts';
import { BinlogReading } from '../support/binlog-reading.ts';
import { openTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { describeEachServer } from '../support/test-server.ts';

/** What the stream gives for the last column of table `t` after `insert`, by id. */
async function streamed(
  database: TestDatabase,
  column: string,
  insert: () => Promise<unknown>,
): Promise<(string | null | undefined)[]> {
  await using reading = await BinlogReading.open(database);
  const schema = await reading.schema(`${database.name}.t`);
  const from = await reading.here();
  await insert();
  const rows = reading.rows(await reading.readToEnd(from, [schema]));
  return rows.map(({ values }) => values[column]);
}

async function column(database: TestDatabase, expression: string): Promise<string[]> {
  const [rows] = await database.connection.query(`SELECT ${expression} AS v FROM t ORDER BY id`);
  return (rows as { v: string }[]).map(({ v }) => v);
}

const singleByte = [
  ...[
    'latin1',
    'latin2',
    'dec8',
    'cp850',
    'hp8',
    'koi8r',
    'swe7',
    'cp1251',
    'hebrew',
    'tis620',
    'latin7',
  ],
  ...[
    'koi8u',
    'greek',
    'cp1250',
    'cp1257',
    'latin5',
    'armscii8',
    'cp866',
    'keybcs2',
    'macce',
    'macroman',
  ],
  ...['cp852', 'cp1256', 'geostd8', 'ascii'],
];

/** Character sets with two or more bytes a character, and the lead bytes of the two-byte codes. */
const multiByte = ['big5', 'gbk', 'gb2312', 'euckr', 'sjis', 'cp932', 'ujis', 'eucjpms'];

describeEachServer('text in the stream', (flavour) => {
  test('every byte of every single-byte character set reads as the server converts it', async () => {
    await using database = await openTestDatabase(flavour);
    const columns = singleByte.map((name) => `${name} varchar(300) CHARACTER SET ${name}`);
    await database.connection.query(
      `SET sql_mode = ''; CREATE TABLE t (id int PRIMARY KEY, ${columns.join(', ')})`,
    );
    await using reading = await BinlogReading.open(database);
    const schema = await reading.schema(`${database.name}.t`);
    const from = await reading.here();
    const bytes = Buffer.from(Array.from({ length: 255 }, (_, index) => index + 1)).toString('hex');
    const values = singleByte.map((name) => {
      const hex = name === 'ascii' ? bytes.slice(0, 254) : bytes;
      return `_${name} x'${hex}'`;
    });
    await database.connection.query(`INSERT INTO t VALUES (1, ${values.join(', ')})`);
    const [row] = reading.rows(await reading.readToEnd(from, [schema]));
    for (const name of singleByte) {
      const [server] = await column(database, `CONVERT(${name} USING utf8mb4)`);
      expect(row?.values[name], name).toBe(server);
    }
  });

  test.each(multiByte)(
    'every two-byte code of %s reads as the server converts it',
    async (name) => {
      await using database = await openTestDatabase(flavour);
      await database.connection.query(
        `SET sql_mode = ''; CREATE TABLE t (id int PRIMARY KEY, v varchar(400) CHARACTER SET ${name})`,
      );
      const codes = Array.from({ length: 0x7d }, (_, index) => index + 0x81);
      const trails = Array.from({ length: 0xbf }, (_, index) => index + 0x40);
      const ours = await streamed(database, 'v', async () => {
        for (const lead of codes) {
          // The server itself leaves out what is no character of the set.
          const parts = trails.map(
            (trail) =>
              `CAST(x'${lead.toString(16)}${trail.toString(16)}' AS CHAR CHARACTER SET ${name})`,
          );
          const valid = parts.map(
            (part) => `IF(CONVERT(${part} USING utf8mb4) RLIKE '^[?]', '', IFNULL(${part}, ''))`,
          );
          await database.connection.query(
            `INSERT INTO t VALUES (${lead}, CONCAT(${valid.join(', ')}))`,
          );
        }
      });
      const server = await column(database, 'CONVERT(v USING utf8mb4)');
      expect(server.join('').length).toBeGreaterThan(3000);
      expect(ours).toEqual(server);
    },
  );

  test('Unicode character sets and user-defined characters read as the server converts them', async () => {
    await using database = await openTestDatabase(flavour);
    const sets = ['ucs2', 'utf16', 'utf16le', 'utf32', 'utf8mb3', 'utf8mb4'];
    const columns = sets.map((name) => `${name} text CHARACTER SET ${name}`);
    await database.connection.query(
      `SET sql_mode = ''; CREATE TABLE t (id int PRIMARY KEY, ${columns.join(', ')})`,
    );
    await using reading = await BinlogReading.open(database);
    const schema = await reading.schema(`${database.name}.t`);
    const from = await reading.here();
    const text = '\ufeffaé中ﷺ\u0000\u001f';
    await database.connection.query('INSERT INTO t VALUES (1, ?)', [sets.map(() => text)]);
    const [row] = reading.rows(await reading.readToEnd(from, [schema]));
    for (const name of sets) expect(row?.values[name], name).toBe(text);
  });

  test('every collation of the server has the right character set', async () => {
    await using database = await openTestDatabase(flavour);
    const table = flavour === 'mysql' ? 'COLLATIONS' : 'COLLATION_CHARACTER_SET_APPLICABILITY';
    const [rows] = await database.connection.query(
      `SELECT ID AS id, CHARACTER_SET_NAME AS name FROM information_schema.${table} WHERE ID > 0`,
    );
    for (const { id, name } of rows as { id: number; name: string }[]) {
      expect(charsetOf(id), `collation ${id}`).toBe(name === 'utf8' ? 'utf8mb3' : name);
      if (name !== 'binary') expect(textDecodingOf(id), name).toBeDefined();
    }
  });

  test('collations beside the usual ones are decoded by their character set', async () => {
    await using database = await openTestDatabase(flavour);
    const collations =
      flavour === 'mariadb'
        ? [
            'latin1_swedish_nopad_ci',
            'gbk_chinese_nopad_ci',
            'ucs2_nopad_bin',
            'ucs2_uca1400_ai_ci',
          ]
        : ['latin1_german2_ci', 'gbk_bin', 'gb18030_unicode_520_ci', 'utf8mb4_0900_bin'];
    const columns = collations.map(
      (name, index) => `c${index} varchar(20) CHARACTER SET ${name.split('_')[0]} COLLATE ${name}`,
    );
    await database.connection.query(
      `CREATE TABLE t (id int PRIMARY KEY, ${columns.join(', ')}, g point, e enum('é') CHARACTER SET latin1, last varchar(9))`,
    );
    await using reading = await BinlogReading.open(database);
    const schema = await reading.schema(`${database.name}.t`);
    const from = await reading.here();
    await database.connection.query(
      `INSERT INTO t VALUES (1, 'é', '中', 'ü', 'ñ', ST_GeomFromText('POINT(1 1)'), 'é', 'zuletzt')`.replace(
        `'ü', 'ñ'`,
        flavour === 'mysql' ? `'𠀀é', 'ñ'` : `'ü', 'ñ'`,
      ),
    );
    const [row] = reading.rows(await reading.readToEnd(from, [schema]));
    const [server] = await column(
      database,
      `CONCAT_WS('|', ${['c0', 'c1', 'c2', 'c3', 'e', 'last'].map((name) => `CONVERT(${name} USING utf8mb4) COLLATE utf8mb4_bin`).join()})`,
    );
    const { values } = row ?? { values: {} as Record<string, string | null> };
    const ours = ['c0', 'c1', 'c2', 'c3', 'e', 'last'].map((name) => values[name]).join('|');
    expect(ours).toBe(server);
  });

  test.runIf(flavour === 'mysql')('JSON reads exactly as the server prints it', async () => {
    await using database = await openTestDatabase(flavour);
    await database.connection.query('CREATE TABLE t (id int PRIMARY KEY AUTO_INCREMENT, j json)');
    const expressions = [
      ...jsonTexts.map((text) => `CAST(${database.connection.escape(text)} AS JSON)`),
      ...jsonExpressions,
    ];
    const ours = await streamed(database, 'j', async () => {
      for (const expression of expressions) {
        await database.connection.query(`INSERT INTO t (j) VALUES (${expression})`);
      }
    });
    expect(ours).toEqual(await column(database, 'CAST(j AS CHAR)'));
  });

  test.runIf(flavour === 'mysql')('any JSON document reads as the server prints it', async () => {
    await using database = await openTestDatabase(flavour);
    await database.connection.query('CREATE TABLE t (id int PRIMARY KEY AUTO_INCREMENT, j json)');
    const documents = [
      ...fc.sample(fc.json({ maxDepth: 5, noUnicodeString: false } as object), 300),
      ...fc.sample(fc.double({ noNaN: true, noDefaultInfinity: true }), 700).map(String),
      ...fc.sample(fc.double({ min: 1e14, max: 1e18, noNaN: true }), 300).map(String),
      ...fc.sample(fc.double({ min: -1e-13, max: 1e-13, noNaN: true }), 300).map(String),
    ].filter((text) => !text.includes('\\ud'));
    const ours = await streamed(database, 'j', async () => {
      for (let index = 0; index < documents.length; index += 100) {
        const some = documents.slice(index, index + 100).map((text) => [text]);
        await database.connection.query('INSERT INTO t (j) VALUES ?', [some]);
      }
    });
    expect(ours).toEqual(await column(database, 'CAST(j AS CHAR)'));
  });
});

const jsonTexts = [
  ...[
    'null',
    'true',
    'false',
    '0',
    '-1',
    '32767',
    '-32768',
    '32768',
    '65535',
    '2147483647',
    '-2147483648',
  ],
  ...[
    '4294967295',
    '4294967296',
    '9007199254740993',
    '-9223372036854775808',
    '18446744073709551615',
  ],
  ...[
    '1.0',
    '-0.0',
    '0.0',
    '1e300',
    '1e-300',
    '1.5',
    '123456789012345.0',
    '1234567890123456.0',
    '1e15',
    '1e16',
  ],
  ...[
    '1e14',
    '0.1',
    '1e-14',
    '1e-15',
    '1e-16',
    '1.5e-15',
    '3.141592653589793',
    '1e22',
    '123456.789e3',
  ],
  ...['""', '"a"', '"é中😀"', '"\\"\\\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\\u007f"', '[]', '{}'],
  ...[
    '{"__proto__": 1, "constructor": {"toString": 2}}',
    '{"b": 1, "a": 2, "10": 3, "9": 4, "": 5}',
  ],
  ...[
    '[1, "two", null, true, {"x": [[], {}]}]',
    JSON.stringify('x'.repeat(127)),
    JSON.stringify('x'.repeat(128)),
  ],
  JSON.stringify('y'.repeat(70_000)),
  JSON.stringify(Array.from({ length: 30_000 }, (_, index) => index * 3)),
  JSON.stringify(
    Array.from({ length: 300 }, (_, index) => ({ [`key${index}`]: `${index}`.repeat(99) })),
  ),
  JSON.stringify({
    large: Array.from({ length: 20_000 }, (_, index) => index * 100_000),
    other: 'x',
  }),
];

const jsonExpressions = [
  `JSON_ARRAY(CAST('12.50' AS DECIMAL(10,2)), CAST(-0.001 AS DECIMAL(20,10)), CAST(0 AS DECIMAL(5,0)))`,
  `JSON_OBJECT('d', DATE '2024-02-29', 't', TIME '12:34:56', 'n', TIME '-838:59:58.5')`,
  `JSON_OBJECT('dt', TIMESTAMP '2024-02-29 12:34:56.123456', 'z', CAST('1000-01-01' AS DATE))`,
  `JSON_ARRAY(x'00ff', CAST('bin' AS BINARY), REPEAT(x'ab', 200))`,
  `JSON_OBJECT('bits', b'101', 'blob', CAST(REPEAT('z', 100) AS BINARY(100)))`,
  `JSON_ARRAY(CAST(ST_GeomFromText('POINT(1 2)') AS JSON), 1 = 1)`,
  `CAST(CAST(1.5 AS DOUBLE) AS JSON)`,
  `CAST(CAST(1 AS UNSIGNED) AS JSON)`,
  'NULL',
];
