import { describe, expect, test } from 'vitest';
import { BoundSelect } from '../../../../src/layers/model/binding.ts';
import type { Relation } from '../../../../src/layers/model/relation.ts';
import { openOrders } from '../../../../src/layers/model/total-order.ts';
import { readExists, readValue } from '../../../../src/layers/text/correlated-text.ts';
import { isUnsupported, readSelect } from '../../../../src/layers/text/select-text.ts';
import { parseSql } from '../../../../src/layers/text/sql-parser.ts';
import {
  limitDistinct,
  splitGroups,
  splitRows,
  withoutDistinct,
} from '../../../../src/layers/text/stage-text.ts';

const columns: Readonly<Record<string, readonly string[]>> = {
  'shop.orders': ['id', 'student_id', 'amount', 'day'],
  'shop.students': ['id', 'name', 'city'],
  '_stage.s': ['v'],
};

function lookup(name: string): Relation {
  const own = (columns[name] ?? []).map((column) => ({ name: column, type: 'Int64' }));
  return { name, kind: 'table', physical: `_ods.\`${name}\``, columns: own, key: own.slice(0, 1) };
}

function bind(sql: string): BoundSelect {
  const select = readSelect(parseSql(sql));
  if (isUnsupported(select)) throw new Error(select.reason);
  return new BoundSelect(select, lookup);
}

const isAggregate = (name: string) => ['sum', 'count', 'max'].includes(name);
const join = 'shop.orders o LEFT JOIN shop.students s ON s.id = o.student_id';

describe('a SELECT is split into a stage and the rest over it', () => {
  test('rows below groups: each column once, expressions letter for letter', () => {
    const sql = `SELECT s.id, o.id, toDate(day, 'UTC') AS d, sum(amount + 1) FROM ${join} WHERE o.id > 3 GROUP BY s.id, o.id, d HAVING max(o.amount) > 1`;
    const { stage, over } = splitRows(bind(sql));
    expect(stage).toBe(
      `SELECT \`s\`.\`id\` AS \`id\`, \`o\`.\`id\` AS \`o.id\`, \`o\`.\`day\` AS \`day\`, \`o\`.\`amount\` AS \`amount\` FROM ${join} WHERE o.id > 3`,
    );
    expect(over('m#1')).toBe(
      "SELECT `id`, `o.id`, toDate(`day`, 'UTC') AS d, sum(`amount` + 1) FROM _stage.`m#1` AS _rows GROUP BY `id`, `o.id`, d HAVING max(`amount`) > 1",
    );
  });

  test('rows below windows: a star is written out, questions to sets are columns', () => {
    const sql = `SELECT s.*, id IN (SELECT * FROM _stage.\`s\`) AS known, row_number() OVER (ORDER BY s.id) AS n FROM shop.students s ORDER BY n LIMIT 3`;
    const { stage, over } = splitRows(bind(sql));
    expect(stage).toBe(
      'SELECT id IN (SELECT * FROM _stage.`s`) AS `_asked_1`, `s`.`id` AS `id`, `s`.`name` AS `name`, `s`.`city` AS `city` FROM shop.students s',
    );
    expect(over('m#1')).toBe(
      'SELECT `id`, `name`, `city`, `_asked_1` AS known, row_number() OVER (ORDER BY `id`) AS n FROM _stage.`m#1` AS _rows ORDER BY n LIMIT 3',
    );
  });

  test('groups below windows and limits: aggregates and group expressions are columns', () => {
    const sql = `SELECT upper(s.city) AS town, sum(amount) AS total, sum(sum(amount)) OVER (ORDER BY upper(s.city)) AS running
FROM ${join} GROUP BY town HAVING count() > 1 ORDER BY total DESC, town LIMIT 3`;
    const { stage, over } = splitGroups(bind(sql), isAggregate);
    expect(stage).toBe(
      `SELECT upper(s.city) AS _g1, sum(amount) AS _a2 FROM ${join} GROUP BY upper(s.city) HAVING count() > 1`,
    );
    expect(over('m#1')).toBe(
      'SELECT _g1 AS town, _a2 AS total, sum(_a2) OVER (ORDER BY _g1) AS running FROM _stage.`m#1` AS _groups ORDER BY total DESC, town LIMIT 3',
    );
  });

  test('groups below a HAVING that asks a stage', () => {
    const sql = `SELECT day, count() FROM shop.orders GROUP BY day HAVING sum(amount) > (SELECT * FROM _stage.\`s\`)`;
    const { stage, over } = splitGroups(bind(sql), isAggregate);
    expect(stage).toBe(
      'SELECT day AS _g1, count() AS _a2, sum(amount) AS _a3 FROM shop.orders GROUP BY day',
    );
    expect(over('m#1')).toBe(
      'SELECT _g1, _a2 FROM _stage.`m#1` AS _groups WHERE _a3 > (SELECT * FROM _stage.`s`)',
    );
  });

  test('what stands beside the groups in another form is not guessed', () => {
    const sql = 'SELECT (day + amount) * 2 FROM shop.orders GROUP BY day + amount LIMIT 1';
    expect(() => splitGroups(bind(sql), isAggregate)).not.toThrow();
    const other = 'SELECT 2 * day + amount FROM shop.orders GROUP BY day + amount LIMIT 1';
    expect(() => splitGroups(bind(other), isAggregate)).toThrow('beside its groups');
  });

  test('a lambda argument that is called like a column is not guessed', () => {
    const sql = 'SELECT sum(arrayMap(amount -> amount + 1, [1])[1]) FROM shop.orders';
    expect(() => splitRows(bind(sql))).toThrow('lambda');
  });
});

describe('EXISTS becomes a question to a set', () => {
  test('of the values that its equalities with the rows around it allow', () => {
    const sql = `SELECT 1 FROM shop.orders o WHERE o.student_id = s.id AND o.amount > 3 AND (s.city = o.day)`;
    expect(readExists(sql, lookup)).toEqual({
      stage:
        'SELECT DISTINCT o.student_id AS v1, o.day AS v2 FROM shop.orders o WHERE (o.amount > 3) AND isNotNull(o.student_id) AND isNotNull(o.day)',
      operand: '(s.id, s.city)',
    });
  });

  test('or to a single value, when there are none', () => {
    expect(readExists('SELECT 1 FROM shop.orders WHERE amount > 3', lookup)).toEqual({
      stage: 'SELECT count() > 0 AS found FROM shop.orders WHERE (amount > 3)',
    });
  });

  test.each([
    ['SELECT 1 FROM shop.orders o WHERE o.amount > s.id', 'other than equality'],
    ['SELECT 1 FROM shop.orders o WHERE o.id + s.id = 3', 'other than equality'],
    ['SELECT day FROM shop.orders o WHERE o.id = s.id GROUP BY day', 'more than FROM and WHERE'],
  ])('%s does not', (sql, reason) => {
    expect(() => readExists(sql, lookup)).toThrow(reason);
  });
});

describe('a subquery about the row around it becomes groups', () => {
  test('by what its equalities compare', () => {
    const sql = `SELECT max(o.amount) + 1 FROM shop.orders o WHERE s.id = o.student_id AND o.day > 3`;
    expect(readValue(sql, lookup, () => true)).toEqual({
      stage:
        'SELECT o.student_id AS v1, max(o.amount) + 1 AS value FROM shop.orders o WHERE (o.day > 3) GROUP BY o.student_id',
      outer: ['s.id'],
    });
  });

  test('when it is an aggregate', () => {
    const sql = 'SELECT o.amount FROM shop.orders o WHERE o.id = s.id';
    expect(() => readValue(sql, lookup, () => false)).toThrow('no aggregate');
  });
});

describe('a SELECT DISTINCT', () => {
  const outputs = ['day', 'half'].map((name) => ({ name, type: 'Int64' }));

  test('is limited over the stage of its distinct rows', () => {
    const bound = bind(
      'SELECT DISTINCT o.day, amount / 2 AS half FROM shop.orders o WHERE id > 1 ORDER BY half DESC, day LIMIT 1 BY o.day LIMIT 3',
    );
    expect(withoutDistinct(bound)).toBe(
      'SELECT o.day, amount / 2 AS half FROM shop.orders o WHERE id > 1',
    );
    expect(limitDistinct(bound, outputs)?.('m#1')).toBe(
      'SELECT `day`, `half` FROM _stage.`m#1` AS _rows ORDER BY `half` DESC, `day` LIMIT 1 BY `day` LIMIT 3',
    );
  });

  test('is ordered by its outputs only', () => {
    const bound = bind('SELECT DISTINCT day, id FROM shop.orders ORDER BY amount LIMIT 3');
    expect(() => limitDistinct(bound, outputs)).toThrow('no output');
  });
});

describe('an order that leaves something open', () => {
  test.each([
    [
      'row_number() OVER (PARTITION BY day ORDER BY amount)',
      'shop.orders',
      'Add the key (id) to its',
    ],
    ['lag(day) OVER (ORDER BY o.day, s.id)', join, 'Add the key (o.id) to its'],
    ['sum(amount) OVER (ORDER BY day ROWS 3 PRECEDING)', 'shop.orders', 'sum over ROWS depends'],
  ])('%s is named, with the way out', (window, from, message) => {
    const [open] = openOrders(bind(`SELECT id, student_id, amount, ${window} FROM ${from}`), false);
    expect(open?.text).toBe(window);
    expect(open?.message).toContain(message);
  });

  test.each([
    'SELECT row_number() OVER (PARTITION BY day ORDER BY amount, id) FROM shop.orders',
    'SELECT row_number() OVER (ORDER BY s.name, o.id) FROM shop.orders o JOIN shop.students s ON s.id = o.student_id',
    'SELECT row_number() OVER (ORDER BY o.student_id, day) FROM shop.students s JOIN shop.orders o ON s.id = o.id ORDER BY s.id LIMIT 1',
    'SELECT rank() OVER (ORDER BY day), sum(amount) OVER (ORDER BY day) FROM shop.orders',
    'SELECT day, amount FROM shop.orders ORDER BY amount, 1 LIMIT 3',
    'SELECT id FROM shop.orders ORDER BY day LIMIT 3 WITH TIES',
    'SELECT amount, id FROM shop.orders ORDER BY day, id LIMIT 1 BY amount',
  ])('%s leaves nothing open', (sql) => {
    const open = openOrders(bind(sql), false);
    expect(open.filter(({ text }) => !text.includes('student_id, day'))).toEqual([]);
  });

  test('of groups is one without all they are grouped by', () => {
    const sql =
      'SELECT day, student_id FROM shop.orders GROUP BY day, student_id ORDER BY day LIMIT 3';
    const [open] = openOrders(bind(sql), true);
    expect(open?.message).toContain('what it groups by (day, student_id)');
    expect(openOrders(bind(`${sql.slice(0, -8)}, 2 LIMIT 3`), true)).toEqual([]);
  });
});
