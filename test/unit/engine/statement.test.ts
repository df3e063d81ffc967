import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { scanSql } from '../../../src/engine/server/sql-scanner.ts';
import { readStatement } from '../../../src/engine/server/statement.ts';

describe('an INSERT with rows in the request', () => {
  test.each([
    {
      name: 'names its format, and the rows follow on the next line',
      sql: 'INSERT INTO db.t FORMAT CSV\n1,2',
      expected: { target: 'db.t', format: 'CSV' },
      data: '1,2',
    },
    {
      name: 'may have the rows on the same line',
      sql: 'insert into t format JSONEachRow {"a":1}',
      expected: { target: 't', format: 'JSONEachRow' },
      data: '{"a":1}',
    },
    {
      name: 'lists columns, quoted ones as well',
      sql: 'INSERT INTO `a.b`.`c d` (`x, y`, z) FORMAT RowBinary',
      expected: { target: '`a.b`.`c d`', columns: '`x, y`, z', format: 'RowBinary' },
      data: '',
    },
    {
      name: 'may bring settings',
      sql: "INSERT INTO TABLE t (a) SETTINGS insert_deduplication_token = 'FORMAT x' FORMAT TSV\n\n",
      expected: {
        target: 't',
        columns: 'a',
        settings: " insert_deduplication_token = 'FORMAT x'",
        format: 'TSV',
      },
      data: '\n',
    },
    {
      name: 'may leave the format to the request',
      sql: 'INSERT INTO t (a, b)',
      expected: { target: 't', columns: 'a, b' },
      data: '',
    },
    {
      name: 'keeps a comment in its head apart',
      sql: 'INSERT /* FORMAT CSV */ INTO t -- VALUES\n FORMAT Native\n\u0001',
      expected: { target: 't', format: 'Native' },
      data: '\u0001',
    },
  ])('$name', ({ sql, expected, data }) => {
    const statement = readStatement(sql);
    expect(statement).toMatchObject({ kind: 'insert-data', ...expected });
    if (statement.kind !== 'insert-data') throw new Error(statement.kind);
    expect(sql.slice(statement.dataStart)).toBe(data);
  });
});

describe('an INSERT complete in itself', () => {
  test.each([
    'INSERT INTO t VALUES (1)',
    'INSERT INTO t (a) VALUES (1), (2)',
    'INSERT INTO t FORMAT Values (1)',
    'INSERT INTO t SELECT 1',
    'INSERT INTO t (a) WITH 1 AS x SELECT x',
    'INSERT INTO t (SELECT 1)',
    'INSERT INTO t SETTINGS max_threads = 1 SELECT 1;',
    "INSERT INTO t FROM INFILE 'x.csv' FORMAT CSV",
    "INSERT INTO FUNCTION file('x.csv') SELECT 1",
  ])('%s', (sql) => {
    expect(readStatement(sql)).toEqual({ kind: 'insert' });
  });
});

describe('an INSERT that takes rows apart', () => {
  const read = (sql: string) => {
    const statement = readStatement(sql);
    if (statement.kind !== 'insert-input') throw new Error(statement.kind);
    const { input, structure, end, dataStart, format } = statement;
    return {
      input: sql.slice(input.start, input.end),
      structure,
      select: sql.slice(0, end),
      data: sql.slice(dataStart),
      format,
    };
  };

  test('ends at the FORMAT in front of its rows', () => {
    const select =
      "INSERT INTO t (a) SELECT a + (1) FROM (SELECT * FROM input('a Int8, b Tuple(x Int8)'))";
    expect(read(`${select} FORMAT JSONEachRow\n{"a":1}\nFORMAT CSV`)).toEqual({
      input: "input('a Int8, b Tuple(x Int8)')",
      structure: "'a Int8, b Tuple(x Int8)'",
      select: `${select} `,
      data: '{"a":1}\nFORMAT CSV',
      format: 'JSONEachRow',
    });
  });

  test('may leave the format to the request', () => {
    expect(read("INSERT INTO t SELECT format FROM INPUT('format Int8')")).toMatchObject({
      structure: "'format Int8'",
      data: '',
      format: undefined,
    });
  });
});

describe('the format of a result', () => {
  test.each([
    { sql: 'SELECT 1 FORMAT JSON', format: 'JSON' },
    { sql: 'SELECT 1 format json;', format: 'json' },
    { sql: 'SELECT 1 FORMAT CSV SETTINGS max_threads = 1', format: 'CSV' },
    { sql: 'SHOW TABLES FORMAT TSV -- FORMAT JSON', format: 'TSV' },
    { sql: "SELECT 'FORMAT CSV'", format: undefined },
    { sql: 'SELECT format FROM t', format: undefined },
    { sql: 'SELECT * FROM (SELECT 1 AS format) WHERE format = 1', format: undefined },
  ])('$sql', ({ sql, format }) => {
    expect(readStatement(sql)).toHaveProperty('kind', sql.startsWith('SHOW') ? 'other' : 'select');
    expect((readStatement(sql) as { format?: string }).format).toBe(format);
  });
});

describe('a SELECT is streamed unless its start would compute something', () => {
  test.each([
    { sql: 'SELECT * FROM t WHERE a IN (SELECT b FROM u)', streams: true },
    { sql: 'WITH x AS (SELECT 1) SELECT * FROM x JOIN (SELECT 2) AS y ON 1 = 1', streams: true },
    { sql: '(SELECT 1) UNION ALL (SELECT 2)', streams: true },
    { sql: 'SELECT count(), sum(a) FROM numbers(10)', streams: true },
    { sql: 'SELECT (SELECT max(a) FROM t)', streams: false },
    { sql: 'WITH (SELECT 1) AS x SELECT x', streams: false },
    { sql: 'SELECT * FROM t WHERE a > (SELECT avg(a) FROM t)', streams: false },
    { sql: 'SELECT DISTINCT (SELECT 1)', streams: false },
    { sql: "SELECT * FROM mysql('h:1', 'd', 't', 'u', 'p')", streams: false },
    { sql: "SELECT * FROM t JOIN url('http://x') AS y ON 1 = 1", streams: false },
  ])('$sql', ({ sql, streams }) => {
    expect(readStatement(sql)).toEqual({ kind: 'select', streams });
  });
});

describe('refused', () => {
  test.each([
    { sql: 'SELECT 1; SELECT 2', why: 'one statement per request', code: 62 },
    { sql: 'INSERT INTO t SELECT 1; DROP TABLE t', why: 'one statement per request', code: 62 },
    { sql: "INSERT INTO t VALUES (';'); DROP TABLE t", why: 'one statement per request', code: 62 },
    {
      sql: 'INSERT INTO t FORMAT Values (1) ; SELECT 1',
      why: 'one statement per request',
      code: 62,
    },
    {
      sql: "INSERT INTO t SELECT a FROM input('a Int8') JOIN input('b Int8') USING a FORMAT CSV\n1",
      why: 'the rows come once',
      code: 48,
    },
    {
      sql: "INSERT INTO t SELECT a FROM input('a Int8'); DROP TABLE t FORMAT CSV\n1",
      why: 'one statement per request',
      code: 62,
    },
    {
      sql: "INSERT INTO FUNCTION file('x') FORMAT CSV\n1",
      why: 'rows go into tables only',
      code: 48,
    },
  ])('$sql, because $why', ({ sql, code }) => {
    expect(() => readStatement(sql)).toThrow(`Code: ${code}. `);
  });

  test('not a semicolon at the end, nor one in a string', () => {
    expect(readStatement("SELECT ';' ;; -- end")).toMatchObject({ kind: 'select' });
    expect(readStatement("INSERT INTO t VALUES (';'), (2);")).toEqual({ kind: 'insert' });
  });
});

describe('scanSql', () => {
  test('gives back every character that is not blank or comment, in order', () => {
    fc.assert(
      fc.property(fc.string(), (sql) => {
        let end = 0;
        for (const token of scanSql(sql)) {
          expect(token.start).toBeGreaterThanOrEqual(end);
          expect(sql.slice(token.start, token.end)).toBe(token.text);
          end = token.end;
        }
      }),
    );
  });

  test('takes a quoted text as one token, whatever is in it', () => {
    fc.assert(
      fc.property(fc.string(), fc.constantFrom("'", '`', '"'), (text, quote) => {
        const quoted =
          quote + text.replaceAll('\\', '\\\\').replaceAll(quote, quote + quote) + quote;
        expect([...scanSql(` ${quoted} `)].map((token) => token.text)).toEqual([quoted]);
      }),
    );
  });

  test('knows here-documents and nested brackets', () => {
    const tokens = [...scanSql("f([$a$ ' ( $a$, {x:Int8}])")];
    expect(tokens.map(({ text, depth }) => [text, depth])).toEqual([
      ['f', 0],
      ['(', 0],
      ['[', 1],
      ["$a$ ' ( $a$", 2],
      [',', 2],
      ['{', 2],
      ['x', 3],
      [':', 3],
      ['Int8', 3],
      ['}', 2],
      [']', 1],
      [')', 0],
    ]);
  });
});
