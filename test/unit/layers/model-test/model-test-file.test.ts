import { expect, test } from 'vitest';
import { parseModelTests } from '../../../../src/layers/model-test/model-test-file.ts';
import { planWrites } from '../../../../src/layers/model-test/model-test-rows.ts';
import { resolveTables } from '../../../../src/layers/model-test/model-test-tables.ts';

const parse = (text: string) => parseModelTests(text, 'layers/tests/a.yaml');
const inferred = (text: string) => {
  const { file, problems } = parse(text);
  expect(problems).toEqual([]);
  const typeOf = (type: string) => (type === 'int' ? 'Nullable(Int32)' : undefined);
  const sources = { schemas: new Map(), read: new Set(['shop.orders']), typeOf };
  return { file, ...resolveTables(file, sources) };
};
const orders = (rows: string) => `cases:
  - name: one
    given:
      shop.orders: ${rows}
    expect: {dwd.a: []}
`;

test('rows are read as mappings and as lists, with anchors, merges and their own digits', () => {
  const { file, problems } = parse(`given:
  shop.orders:
    - &first {id: 1, amount: 10.00, note: null}
    - {<<: *first, id: 12345678901234567890}
cases:
  - name: one
    steps:
      - step: two
        update: {shop.orders: {columns: [id, note], rows: [[1, x]]}}
        truncate: [shop.a, shop.b]
        expect:
          dwd.a: {ordered: amount DESC, rows: [{id: 1}]}
`);
  expect(problems).toEqual([]);
  const [given, step] = file.cases[0]?.steps ?? [];
  expect(given?.changes[0]?.rows.map(({ cells }) => cells.get('amount'))).toMatchObject([
    { form: 'number', text: '10.00' },
    { form: 'number', text: '10.00' },
  ]);
  expect(given?.changes[0]?.rows[1]?.cells.get('id')?.text).toBe('12345678901234567890');
  expect(given?.changes[0]?.rows[0]?.cells.get('note')?.form).toBe('null');
  expect(step?.changes.map(({ kind, table }) => `${kind} ${table}`)).toEqual([
    'update shop.orders',
    'truncate shop.a',
    'truncate shop.b',
  ]);
  expect(step?.expected).toMatchObject([{ model: 'dwd.a', ordered: 'amount DESC' }]);
});

test.each([
  {
    name: 'broken YAML',
    text: 'cases: [',
    where: /^layers\/tests\/a.yaml:1:9$/,
    says: /not valid YAML/,
  },
  {
    name: 'an unknown word',
    text: 'case: []',
    where: /:1:1$/,
    says: /has no key case/,
    way: 'Did you mean cases?',
  },
  { name: 'no cases', text: 'tables: {}', where: /:1:1$/, says: /at least one case/ },
  {
    name: 'a case that expects nothing',
    text: 'cases:\n  - name: one\n',
    where: /:2:5$/,
    says: /"one" expects nothing/,
  },
  {
    name: 'two cases of one name',
    text: 'cases:\n  - {name: one, expect: {dwd.a: []}}\n  - {name: one, expect: {dwd.a: []}}\n',
    where: /:3:5$/,
    says: /Another case is called "one"/,
  },
  {
    name: 'a misspelt kind of change',
    text: 'cases:\n  - name: one\n    steps:\n      - step: two\n        updat: {}\n        expect: {dwd.a: []}\n',
    where: /:5:9$/,
    says: /A step has no key updat/,
    way: 'Did you mean update?',
  },
  { name: 'rows that are no list', text: orders('5'), where: /:4:20$/, says: /must be a list/ },
  {
    name: 'a row of another length than its columns',
    text: orders('{columns: [id, a], rows: [[1]]}'),
    where: /:4:46$/,
    says: /2 values, one for each of columns/,
  },
  {
    name: 'a table without a database',
    text: 'tables: {orders: {columns: {id: int}}}\ncases: [{name: one, expect: {dwd.a: []}}]',
    where: /:1:10$/,
    says: /write database.table/,
  },
])('$name is a problem with its place', ({ text, where, says, way }) => {
  const { problems } = parse(text);
  expect(problems[0]?.message).toMatch(says);
  expect(problems[0]?.where).toMatch(where);
  if (way !== undefined) expect(problems[0]?.remedy).toBe(way);
});

test('types come from the values when nothing else tells them', () => {
  const row =
    '{id: 1, count: 2, amount: 1.25, rate: 1e-3, ok: true, day: 2026-09-01, at: 2026-09-01, name: Ann}';
  const other =
    '{id: 2, count: null, amount: 3, rate: 1, ok: false, day: 2026-09-02, at: 2026-09-01 10:00:00, name: 1x}';
  const { tables, problems } = inferred(orders(`[${row}, ${other}]`));
  expect(problems).toEqual([]);
  const columns = tables.get('shop.orders')?.columns ?? [];
  expect(Object.fromEntries(columns.map(({ name, type }) => [name, type]))).toEqual({
    id: 'Int64',
    count: 'Nullable(Int64)',
    amount: 'Decimal(38, 2)',
    rate: 'Float64',
    ok: 'UInt8',
    day: 'Date32',
    at: "DateTime64(6, 'UTC')",
    name: 'String',
  });
});

test.each([
  {
    name: 'a number and a text',
    text: orders('[{id: 1, a: 5}, {id: 2, a: x}]'),
    problem: 'The type of shop.orders.a is ambiguous: 5 is a whole number, x is text.',
    where: 'layers/tests/a.yaml:4:44',
  },
  {
    name: 'nothing but nulls',
    text: orders('[{id: 1, a: null}]'),
    problem: 'Nothing tells the type of shop.orders.a: all its values are null.',
    where: 'layers/tests/a.yaml:4:29',
  },
  {
    name: 'no id',
    text: orders('[{code: 1}]'),
    problem: 'Nothing tells the key of shop.orders, which has no column id.',
    where: 'layers/tests/a.yaml:4:21',
  },
  {
    name: 'no rows',
    text: 'cases: [{name: one, expect: {dwd.a: []}}]',
    problem: 'Nothing tells the columns of shop.orders, which the models read.',
    where: 'layers/tests/a.yaml:1:9',
  },
  {
    name: 'a column that the table does not have',
    text: `tables: {shop.orders: {columns: {id: Int64, amount: int}}}\n${orders('[{id: 1, amuont: 5}]')}`,
    problem: 'shop.orders has no column amuont.',
    where: 'layers/tests/a.yaml:5:29',
  },
  {
    name: 'a type that is none',
    text: `tables: {shop.orders: {columns: {id: Int64, amount: intt}}}\n${orders('[]')}`,
    problem: 'intt is no type of a column.',
    where: 'layers/tests/a.yaml:1:45',
  },
  {
    name: 'a row without its key',
    text: `tables: {shop.orders: {key: [id, line], columns: {id: Int64, line: Int64}}}\n${orders('[{id: 1}]')}`,
    problem: 'A row of shop.orders needs its key (id, line).',
    where: 'layers/tests/a.yaml:5:21',
  },
])('$name in the rows of a table is a problem with its place', ({ text, problem, where }) => {
  expect(inferred(text).problems).toMatchObject([{ message: problem, where }]);
});

test('a table that no model reads is a problem with the name that was meant', () => {
  const { problems } = inferred(`${orders('[{id: 1}]')}    steps:
      - step: two
        insert: {shop.order: [{id: 1}]}
`);
  expect(problems).toMatchObject([
    { where: 'layers/tests/a.yaml:8:18', remedy: 'Did you mean shop.orders?' },
  ]);
});

test('an update keeps what it does not name, a truncate takes away what is there', () => {
  const { file, tables } =
    inferred(`${orders('[{id: 1, a: x, b: y}, {id: 2, a: z, b: y}]')}    steps:
      - step: change
        update: {shop.orders: [{id: 1, b: w}]}
        delete: {shop.orders: [{id: 2}]}
      - step: all
        truncate: shop.orders
`);
  const [testCase] = file.cases;
  if (testCase === undefined) throw new Error('no case');
  const { writes, problems } = planWrites(testCase, tables);
  expect(problems).toEqual([]);
  const texts = writes.map((step) =>
    step.flatMap(({ rows }) =>
      rows.map(({ cells, isDeleted }) => [
        ...[...cells.values()].map(({ text }) => text),
        isDeleted,
      ]),
    ),
  );
  expect(texts).toEqual([
    [
      ['1', 'x', 'y', false],
      ['2', 'z', 'y', false],
    ],
    [
      ['1', 'x', 'w', false],
      ['2', 'z', 'y', true],
    ],
    [['1', 'x', 'w', true]],
  ]);
});

test('a key inserted twice and one that is not there are problems of the test', () => {
  const { file, tables } = inferred(`${orders('[{id: 1}]')}    steps:
      - step: change
        insert: {shop.orders: [{id: 1}]}
        update: {shop.orders: [{id: 2}]}
`);
  const [testCase] = file.cases;
  if (testCase === undefined) throw new Error('no case');
  expect(planWrites(testCase, tables).problems).toMatchObject([
    {
      where: 'layers/tests/a.yaml:8:32',
      message: 'The row with id 1 of shop.orders is there already.',
    },
    {
      where: 'layers/tests/a.yaml:9:32',
      message: 'The row with id 2 of shop.orders is not there.',
    },
  ]);
});
