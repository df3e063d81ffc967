import { expect, test } from 'vitest';
import { chooseKey, type IndexColumnRow } from '../../../../src/source/mysql/schema/table-key.ts';

function index(
  indexName: string,
  columns: (string | null)[],
  more: Partial<IndexColumnRow> = {},
): IndexColumnRow[] {
  return columns.map((columnName) => ({
    indexName,
    columnName,
    prefix: null,
    type: 'BTREE',
    ...more,
  }));
}

const nullable = new Set(['n']);

test.each([
  {
    name: 'primary key first',
    rows: [...index('A', ['x']), ...index('PRIMARY', ['a', 'b'])],
    expected: { index: 'PRIMARY', columns: ['a', 'b'] },
  },
  {
    name: 'fewest columns',
    rows: [...index('A', ['x', 'y']), ...index('B', ['z'])],
    expected: { index: 'B', columns: ['z'] },
  },
  {
    name: 'name decides a tie',
    rows: [...index('B', ['z']), ...index('A', ['x'])],
    expected: { index: 'A', columns: ['x'] },
  },
  {
    name: 'a nullable column identifies nothing',
    rows: index('A', ['x', 'n']),
    expected: undefined,
  },
  { name: 'nor does a prefix', rows: index('A', ['x'], { prefix: 10 }), expected: undefined },
  { name: 'nor an expression', rows: index('A', [null]), expected: undefined },
  { name: 'a hash has no order', rows: index('A', ['x'], { type: 'HASH' }), expected: undefined },
  { name: 'no index', rows: [], expected: undefined },
])('$name', ({ rows, expected }) => {
  expect(chooseKey(rows, nullable)).toEqual(expected);
});
