import { describe, expect, test } from 'vitest';
import {
  isUnsupported,
  readSelect,
  type SelectText,
} from '../../../../src/layers/text/select-text.ts';
import { canonicalSql, parseSql } from '../../../../src/layers/text/sql-parser.ts';

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

describe('what stands behind the rows of a SELECT is taken apart', () => {
  test('windows with their partitions and orders, named and not', () => {
    const sql = `SELECT a, sum(b) OVER (PARTITION BY c, lower(d) ORDER BY e DESC, f ROWS UNBOUNDED PRECEDING) AS s,
quantileExact(0.5)(x) OVER w m, lag(y) IGNORE NULLS OVER (ORDER BY z NULLS LAST) AS l, count() OVER () AS n
FROM x.y WINDOW w AS (PARTITION BY p)`;
    const text = textOf(sql);
    const windows = read(sql).windows.map(({ name, span, partition, order, countsRows }) => {
      return [name, text(span).slice(0, 24), partition.map(text), order.map(text), countsRows];
    });
    expect(windows).toEqual([
      ['sum', 'sum(b) OVER (PARTITION B', ['c', 'lower(d)'], ['e', 'f'], true],
      ['quantileExact', 'quantileExact(0.5)(x) OV', ['p'], [], false],
      ['lag', 'lag(y) IGNORE NULLS OVER', [], ['z'], false],
      ['count', 'count() OVER ()', [], [], false],
    ]);
    expect(read(sql).items.map(({ alias }) => alias)).toEqual([undefined, 's', 'm', 'l', 'n']);
  });

  test('DISTINCT, QUALIFY, orders and limits', () => {
    const sql = `SELECT DISTINCT a FROM x.y QUALIFY rank() OVER (ORDER BY a) < 3
ORDER BY b DESC NULLS LAST, lower(c) LIMIT 1 OFFSET 1 BY d, e % 2 LIMIT 10 OFFSET 3`;
    const text = textOf(sql);
    const select = read(sql);
    expect(select.isDistinct).toBe(true);
    expect(text(select.itemList)).toBe('a');
    expect(select.qualify && text(select.qualify)).toBe('rank() OVER (ORDER BY a) < 3');
    expect(select.orderBy.map(({ expression }) => text(expression))).toEqual(['b', 'lower(c)']);
    expect(select.limits.map((limit) => [text(limit), limit.by?.map(text)])).toEqual([
      ['LIMIT 1 OFFSET 1 BY d, e % 2', ['d', 'e % 2']],
      ['LIMIT 10 OFFSET 3', undefined],
    ]);
  });

  test('questions to stored sets, with what is looked up', () => {
    const stage = '(SELECT * FROM _stage.`dws.x#1`)';
    const sql = `SELECT a, (b, c) NOT IN ${stage} AS q, d > ${stage} FROM x.y
WHERE NOT lower(e) IN ${stage} AND CASE WHEN f + 1 IN ${stage} THEN 1 END`;
    const text = textOf(sql);
    const sets = read(sql).sets.map(({ operand, name }) => [operand && text(operand), name]);
    expect(sets).toEqual([
      ['(b, c)', '_stage.dws.x#1'],
      [undefined, '_stage.dws.x#1'],
      ['lower(e)', '_stage.dws.x#1'],
      ['f + 1', '_stage.dws.x#1'],
    ]);
  });
});

describe('what cannot be limited to keys is named', () => {
  test.each([
    ['WITH c AS (SELECT 1) SELECT * FROM c', 'WITH'],
    ['SELECT a FROM x.y UNION ALL SELECT b FROM x.z', 'UNION'],
    ['SELECT a FROM (SELECT 1 AS a)', 'subquery'],
    ['SELECT a FROM x.y WHERE a IN (SELECT b FROM x.z)', 'subquery'],
    ['SELECT a FROM x.y ARRAY JOIN b', 'ARRAY JOIN'],
    ['SELECT a FROM x.y RIGHT JOIN x.z USING (a)', 'RIGHT JOIN'],
    ['SELECT a FROM x.y ANY LEFT JOIN x.z USING (a)', 'ANY LEFT JOIN'],
    ['SELECT a FROM x.y ASOF JOIN x.z USING (a, b)', 'ASOF JOIN'],
    ['SELECT a FROM x.y JOIN x.z', 'without ON'],
    ['SELECT a FROM x.y CROSS JOIN x.z ON x.z.b = a', 'without ON'],
    ['SELECT DISTINCT ON (a) a FROM x.y', 'DISTINCT ON'],
    ['SELECT a FROM x.y ORDER BY a WITH FILL', 'WITH FILL'],
    ['SELECT a FROM x.y OFFSET 3', 'OFFSET'],
    ['SELECT a FROM x.y LIMIT 1 BY a OFFSET 2', 'OFFSET'],
    ['SELECT sum(a) OVER (w ORDER BY b) FROM x.y WINDOW w AS (PARTITION BY c)', 'extends'],
    ['SELECT a = b IN (SELECT * FROM _stage.`s`) FROM x.y', 'before IN'],
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
