import { describe, expect, test } from 'vitest';
import { columnsRead } from '../../../../src/layers/lineage/model-lineage.ts';
import { parseSql } from '../../../../src/layers/text/sql-parser.ts';
import { describeOrigins, lineageCases, traceStatement } from '../../../support/lineage-cases.ts';

describe('where the columns of a statement come from', () => {
  test.each(lineageCases())('$title', ({ sql, outputs, rows }) => {
    const traced = traceStatement(sql);

    const found = traced.outputs.map(({ name, origins }) => [name, describeOrigins(origins)]);
    expect(Object.fromEntries(found)).toEqual(outputs);
    expect(describeOrigins(traced.rows)).toEqual(rows);
    expect(traced.doubts).toEqual([]);
  });

  test('a recursive CTE carries columns from place to place until nothing is new', () => {
    const { outputs } = traceStatement(
      `WITH RECURSIVE t AS (SELECT id AS a, name AS b, parent_id AS c FROM shop.groups
       UNION ALL SELECT b, c, a FROM t) SELECT * FROM t`,
    );

    const all = ['identity groups.id', 'identity groups.name', 'identity groups.parent_id'];
    const found = outputs.map(({ origins }) => describeOrigins(origins).sort());
    expect(found).toEqual([all, all, all]);
  });
});

describe('what would take for ever', () => {
  test('aliases that use one another twice are followed once', () => {
    const chain = Array.from(
      { length: 40 },
      (_, index) => `a${index} + a${index} AS a${index + 1}`,
    );
    const { outputs } = traceStatement(`SELECT amount AS a0, ${chain.join(', ')} FROM shop.orders`);

    expect(describeOrigins(outputs.at(-1)?.origins ?? [])).toEqual([
      'transformation orders.amount',
    ]);
  });

  test('queries that read the one before twice are followed once', () => {
    const ctes = Array.from({ length: 30 }, (_, index) => {
      return `c${index + 1} AS (SELECT x.id AS id FROM c${index} AS x JOIN c${index} AS y USING (id))`;
    });
    const { outputs } = traceStatement(
      `WITH c0 AS (SELECT id FROM shop.orders), ${ctes.join(', ')} SELECT id FROM c30`,
    );

    expect(describeOrigins(outputs[0]?.origins ?? [])).toEqual(['identity orders.id']);
  });
});

test('an alias inside a lambda knows the argument of the lambda', () => {
  const { outputs, doubts } = traceStatement(
    'SELECT arrayMap(tag -> (upper(tag) AS big) || big, tags) AS loud FROM shop.orders',
  );

  expect(describeOrigins(outputs[0]?.origins ?? [])).toEqual(['transformation orders.tags']);
  expect(doubts).toEqual([]);
});

describe('places of a statement', () => {
  const sql =
    'SELECT s.city AS c,\n  upper(c) AS big\nFROM shop.students AS s WHERE s.city > s.name';

  test('every mention of a column has its offset and what it does there', () => {
    const { mentions } = traceStatement(sql);

    expect(mentions.map(({ column, at, role }) => [column, sql.slice(at, at + 6), role])).toEqual([
      ['city', 's.city', 'identity'],
      ['city', 's.city', 'filter'],
      ['name', 's.name', 'filter'],
    ]);
  });

  test('an output has its expression without the alias, as written', () => {
    const { outputs } = traceStatement(sql);

    expect(outputs.map(({ expression, at }) => [expression, sql.slice(at, at + 5)])).toEqual([
      ['s.city', 's.cit'],
      ['upper(c)', 'upper'],
    ]);
  });

  test('places are right behind characters that take two units', () => {
    const text =
      "SELECT '😀😀' AS smile, city FROM shop.students WHERE name = '😀' AND group_id > 1";

    const { mentions } = traceStatement(text);

    const found = mentions.map(({ column, at }) => text.slice(at, at + column.length));
    expect(found).toEqual(['city', 'name', 'group_id']);
  });
});

describe('what is not understood', () => {
  test('a name that is no column may be any column here, and is named', () => {
    const { outputs, rows, doubts } = traceStatement(
      'SELECT id FROM shop.groups WHERE missing > 1',
    );

    expect(outputs.map(({ origins }) => describeOrigins(origins))).toEqual([
      ['identity groups.id'],
    ]);
    expect(describeOrigins(rows)).toEqual([
      'perhaps filter groups.id',
      'perhaps filter groups.name',
      'perhaps filter groups.parent_id',
    ]);
    expect(doubts).toEqual([
      { message: 'missing is no column of what is read here; it may be any of them', at: 33 },
    ]);
  });

  test('a statement that cannot be parsed depends on every column it names', () => {
    const { rows, doubts } = traceStatement('SELECT city, name FROM shop.students WHERE (id >');

    expect(describeOrigins(rows)).toEqual(
      ['id', 'name', 'city'].map((name) => `perhaps transformation students.${name}`),
    );
    expect(doubts).toHaveLength(1);
  });

  test('a table whose columns nobody knows has those that are named with it', () => {
    const { outputs, doubts } = traceStatement('SELECT x.a AS a FROM crm.leads AS x WHERE x.b > 1');

    expect(outputs[0]?.origins[0]).toMatchObject({ table: 'crm.leads', column: 'a' });
    expect(doubts).toEqual([]);
  });
});

describe('columns that a statement reads', () => {
  const lookup = (name: string) => (name === 'shop.t' ? { columns: ['a', 'b', 'c'] } : undefined);
  const read = (sql: string) =>
    [...(columnsRead(parseSql(sql), lookup).get('shop.t') ?? [])].sort();

  test.each([
    { sql: 'SELECT a FROM shop.t WHERE b > 1', columns: ['a', 'b'] },
    { sql: 'SELECT * FROM shop.t', columns: ['a', 'b', 'c'] },
    { sql: 'SELECT q.a FROM (SELECT * FROM shop.t) AS q', columns: ['a'] },
    { sql: 'SELECT count() FROM shop.t', columns: [] },
    { sql: 'SELECT count() FROM shop.t AS x JOIN shop.t AS y USING (c)', columns: ['c'] },
    { sql: 'WITH unused AS (SELECT b FROM shop.t) SELECT a FROM shop.t', columns: ['a', 'b'] },
  ])('those of $sql', ({ sql, columns }) => {
    expect(read(sql)).toEqual(columns);
  });
});
