import { describe, expect, test } from 'vitest';
import { isUnsupported, readSelect, type SelectText } from '../../../src/layers/select-text.ts';
import { canonicalSql, parseSql } from '../../../src/layers/sql-parser.ts';

function read(sql: string): SelectText {
  const select = readSelect(parseSql(sql));
  if (isUnsupported(select)) throw new Error(select.reason);
  return select;
}

const textOf = (sql: string) => (span: { start: number; end: number }) =>
  sql.slice(span.start, span.end);

describe('a SELECT is taken apart', () => {
  test('into items, relations with their conditions, and clauses', () => {
    const sql = `SELECT o.id AS \`key\`, s.name, count(*) total, a BETWEEN 1 AND 2 AND b
FROM shop.orders AS o -- the facts, FROM here
LEFT OUTER JOIN shop.students s ON (s.id = o.student_id AND (s.kind = 'a, b'))
JOIN \`shop\`.\`class rooms\` ON lower(x) = y AND z BETWEEN 1 AND 2 AND p > q
INNER JOIN dwd.seat USING (a, \`b\`)
WHERE o.status IN ('x', 'FROM') AND CASE WHEN a AND b THEN 1 END
GROUP BY 1, toDate(x, 'UTC') HAVING total > 3 ORDER BY 1`;
    const text = textOf(sql);
    const select = read(sql);
    expect(select.items.map(({ expression, alias }) => [text(expression), alias])).toEqual([
      ['o.id', 'key'],
      ['s.name', undefined],
      ['count(*)', 'total'],
      ['a BETWEEN 1 AND 2 AND b', undefined],
    ]);
    expect(
      select.relations.map(({ name, alias, join, span, using }) => [
        name,
        alias,
        join,
        text(span),
        using,
      ]),
    ).toEqual([
      ['shop.orders', 'o', 'driving', 'shop.orders AS o', []],
      ['shop.students', 's', 'left', 'shop.students s', []],
      ['shop.class rooms', 'class rooms', 'inner', '`shop`.`class rooms`', []],
      ['dwd.seat', 'seat', 'inner', 'dwd.seat', ['a', 'b']],
    ]);
    const conditions = select.relations.flatMap((relation) => relation.conditions);
    expect(conditions.map((condition) => [text(condition), condition.sides?.map(text)])).toEqual([
      ['s.id = o.student_id', ['s.id', 'o.student_id']],
      ["s.kind = 'a, b'", ['s.kind', "'a, b'"]],
      ['lower(x) = y', ['lower(x)', 'y']],
      ['z BETWEEN 1 AND 2', undefined],
      ['p > q', undefined],
    ]);
    expect(select.groupBy.map(text)).toEqual(['1', "toDate(x, 'UTC')"]);
    expect(select.where && text(select.where)).toMatch(/^o\.status.*END$/s);
    expect(select.having && text(select.having)).toBe('total > 3');
  });

  test('also behind characters outside the basic plane', () => {
    const sql = `SELECT '😀😀' AS smile, o.\`naïve 😀\` FROM shop.orders o WHERE o.id = 1`;
    const { parsed } = read(sql);
    expect(parsed.columns.map(textOf(sql))).toEqual(['o.`naïve 😀`', 'o.id']);
  });

  test('OR makes one condition of a join that is no equality', () => {
    const { relations } = read('SELECT 1 FROM a.b x JOIN a.c y ON x.i = y.i OR x.j = y.j');
    expect(relations[1]?.conditions).toHaveLength(1);
    expect(relations[1]?.conditions[0]?.sides).toBeUndefined();
  });
});

describe('what cannot be limited to keys is named', () => {
  test.each([
    ['SELECT DISTINCT a FROM x.y', 'SELECT DISTINCT'],
    ['WITH c AS (SELECT 1) SELECT * FROM c', 'WITH'],
    ['SELECT a FROM x.y UNION ALL SELECT b FROM x.z', 'UNION'],
    ['SELECT row_number() OVER (ORDER BY a) FROM x.y', 'window'],
    ['SELECT a FROM (SELECT 1 AS a)', 'subquery'],
    ['SELECT a FROM x.y WHERE a IN (SELECT b FROM x.z)', 'subquery'],
    ['SELECT a FROM x.y LIMIT 1 BY a', 'LIMIT'],
    ['SELECT a FROM x.y LIMIT 10', 'LIMIT'],
    ['SELECT a FROM x.y ARRAY JOIN b', 'ARRAY JOIN'],
    ['SELECT a FROM x.y RIGHT JOIN x.z USING (a)', 'RIGHT JOIN'],
    ['SELECT a FROM x.y ANY LEFT JOIN x.z USING (a)', 'ANY LEFT JOIN'],
    ['SELECT a FROM x.y ASOF JOIN x.z USING (a, b)', 'ASOF JOIN'],
    ['SELECT a FROM x.y CROSS JOIN x.z', 'CROSS JOIN'],
    ['SELECT a FROM x.y JOIN x.z', 'without ON'],
    ['SELECT a FROM x.y, x.z', 'comma'],
    ['SELECT a FROM numbers(10)', 'not a database.table'],
    ['SELECT a FROM x.y GROUP BY a WITH ROLLUP', 'GROUP BY ... WITH'],
    ['SELECT a FROM x.y PREWHERE b', 'PREWHERE'],
    ['SELECT a FROM x.y SETTINGS max_threads = 1', 'SETTINGS'],
    ['SELECT a FRM x.y WHERE (', 'not a SELECT ... FROM'],
  ])('%s', (sql, reason) => {
    const select = readSelect(parseSql(sql));
    expect(isUnsupported(select) ? select.reason : 'supported').toContain(reason);
  });
});

test('spelling and comments do not change the canonical text, values do', () => {
  const canonical = (sql: string) => canonicalSql(parseSql(sql));
  const first = canonical("select a , `b` from x.y where c = 'd' -- note");
  expect(canonical("SELECT a,b FROM\n  x.y WHERE c='d'")).toBe(first);
  expect(canonical("SELECT a,b FROM x.y WHERE c='D'")).not.toBe(first);
  expect(canonical("SELECT A,b FROM x.y WHERE c='d'")).not.toBe(first);
});
