import { describe, expect, test } from 'vitest';
import {
  addJoin,
  nestedQueries,
  readQuery,
  replaceAliases,
  replaceNamed,
  withoutCommas,
  withoutRightJoin,
} from '../../../../src/layers/text/query-text.ts';
import { parseSql } from '../../../../src/layers/text/sql-parser.ts';

const textOf = (sql: string) => (span: { start: number; end: number }) =>
  sql.slice(span.start, span.end);

describe('a statement is taken apart into SELECTs', () => {
  test('named queries and branches of UNION', () => {
    const sql = `WITH paid AS (SELECT a FROM x.y UNION ALL SELECT b FROM x.z), \`so far\` AS ((SELECT 1))
SELECT a FROM paid UNION ALL (SELECT a FROM \`so far\` LIMIT 1) UNION ALL SELECT * EXCEPT (b) FROM x.y`;
    const text = textOf(sql);
    const query = readQuery(parseSql(sql));
    expect(query.named.map((named) => [named.name, text(named.query)])).toEqual([
      ['paid', 'SELECT a FROM x.y UNION ALL SELECT b FROM x.z'],
      ['so far', '(SELECT 1)'],
    ]);
    expect(query.branches.map(text)).toEqual([
      'SELECT a FROM paid',
      'SELECT a FROM `so far` LIMIT 1',
      'SELECT * EXCEPT (b) FROM x.y',
    ]);
    expect(query.isDistinct).toBe(false);
    expect(readQuery(parseSql('SELECT 1 UNION SELECT 2')).isDistinct).toBe(true);
  });

  test('the outermost subqueries, by what they are for', () => {
    const sql = `SELECT a, (SELECT max(b) FROM x.z) AS m FROM (SELECT a FROM (SELECT 1)) AS t
LEFT JOIN ((SELECT c FROM x.w)) ON c = a WHERE a IN (SELECT d FROM x.v) AND NOT EXISTS (WITH q AS (SELECT 1) SELECT 1 FROM q) AND (a + 1) > 2`;
    const text = textOf(sql);
    const found = nestedQueries(parseSql(sql)).map(({ kind, span, query, hasAlias }) => {
      return [kind, text(span).slice(0, 12), text(query).slice(0, 10), hasAlias];
    });
    expect(found).toEqual([
      ['value', '(SELECT max(', 'SELECT max', true],
      ['from', '(SELECT a FR', 'SELECT a F', true],
      ['from', '((SELECT c F', '(SELECT c ', false],
      ['in', '(SELECT d FR', 'SELECT d F', false],
      ['exists', 'EXISTS (WITH', 'WITH q AS ', false],
    ]);
  });

  test.each([
    ['SELECT 1 UNION ALL SELECT 2 UNION DISTINCT SELECT 3', 'mixes'],
    ['SELECT 1 INTERSECT SELECT 2', 'INTERSECT'],
    ['SELECT 1 EXCEPT (SELECT 2)', 'EXCEPT'],
    ['WITH RECURSIVE r AS (SELECT 1) SELECT 2', 'RECURSIVE'],
    ['WITH 1 + 1 SELECT 2', 'not understood'],
  ])('%s is not', (sql, reason) => {
    expect(() => readQuery(parseSql(sql))).toThrow(reason);
  });
});

test('named expressions are read and written out', () => {
  const sql =
    "WITH upper(a) AS loud, 'x' AS mark, (SELECT 1) AS one SELECT t.mark, loud || mark FROM x.y t";
  const { named, aliases, body } = readQuery(parseSql(sql));
  expect(named).toEqual([]);
  const texts = aliases.map(({ name, expression }) => ({ name, text: textOf(sql)(expression) }));
  expect(texts).toEqual([
    { name: 'loud', text: 'upper(a)' },
    { name: 'mark', text: "'x'" },
    { name: 'one', text: '(SELECT 1)' },
  ]);
  const select = textOf(sql)(body);
  expect(replaceAliases(select, texts)).toBe("SELECT t.mark, (upper(a)) || ('x') FROM x.y t");
  const hidden = 'SELECT arrayMap(loud -> loud + 1, b) FROM x.y';
  expect(() => replaceAliases(hidden, texts)).toThrow('second meaning');
});

test('tables in a list are joined, and a join is added behind FROM', () => {
  const sql = 'SELECT a, b FROM x.y, x.z USING (a, b) WHERE f(a, b)';
  expect(withoutCommas(sql)).toBe('SELECT a, b FROM x.y CROSS JOIN x.z USING (a, b) WHERE f(a, b)');
  expect(withoutCommas('SELECT a FROM x.y ARRAY JOIN b, c')).toBe(
    'SELECT a FROM x.y ARRAY JOIN b, c',
  );
  expect(addJoin(sql, 'JOIN w')).toBe(
    'SELECT a, b FROM x.y, x.z USING (a, b) JOIN w WHERE f(a, b)',
  );
  expect(addJoin('SELECT a FROM x.y', 'JOIN w')).toBe('SELECT a FROM x.y JOIN w');
});

describe('references to named queries', () => {
  const stages = new Map([['paid', '_stage.`m#1`']]);

  test('are replaced at any depth, and nothing else of that name is', () => {
    const sql = `SELECT paid.a, 'paid', t.paid FROM paid JOIN paid AS t ON t.a = paid.a
WHERE a IN (SELECT a FROM paid) AND b = (SELECT max(paid) FROM shop.paid)`;
    expect(
      replaceNamed(sql, stages),
    ).toBe(`SELECT paid.a, 'paid', t.paid FROM _stage.\`m#1\` AS paid JOIN _stage.\`m#1\` AS t ON t.a = paid.a
WHERE a IN (SELECT a FROM _stage.\`m#1\` AS paid) AND b = (SELECT max(paid) FROM shop.paid)`);
  });

  test.each([
    ['SELECT a FROM x.y WHERE a IN paid', 'IN paid'],
    ['SELECT a FROM (WITH paid AS (SELECT 1) SELECT a FROM paid)', 'two named'],
  ])('%s is not understood', (sql, reason) => {
    expect(() => replaceNamed(sql, stages)).toThrow(reason);
  });
});

test.each([
  [
    'SELECT a FROM x.y o RIGHT JOIN x.z p ON o.a = p.b WHERE c',
    'SELECT a FROM x.z p LEFT JOIN x.y o ON o.a = p.b WHERE c',
  ],
  ['SELECT * FROM x.y RIGHT JOIN x.z USING (a)', undefined],
  ['SELECT a FROM x.y RIGHT JOIN x.z USING (a) JOIN x.w USING (a)', undefined],
  ['SELECT a FROM x.y ANY RIGHT JOIN x.z USING (a)', undefined],
  ['SELECT right(a, 2) FROM x.y JOIN x.z USING (a)', undefined],
])('a RIGHT JOIN that stands alone becomes a LEFT JOIN: %s', (sql, expected = sql) => {
  expect(withoutRightJoin(sql)).toBe(expected);
});
