import { expect, test } from 'vitest';
import { compareRows } from '../../../../src/layers/model-test/model-test-compare.ts';
import { parseModelTests } from '../../../../src/layers/model-test/model-test-file.ts';
import {
  canonicalFound,
  canonicalOf,
} from '../../../../src/layers/model-test/model-test-values.ts';
import type { TestValue } from '../../../../src/layers/model-test/model-test-yaml.ts';

const model = {
  key: ['id'],
  columns: [
    { name: 'id', type: 'UInt64' },
    { name: 'name', type: 'Nullable(String)' },
    { name: 'amount', type: 'Decimal(38, 2)' },
  ],
};

function compare(expected: string, found: Record<string, unknown>[], key = model.key) {
  const { file, problems } = parseModelTests(
    `cases: [{name: a, expect: {dwd.a: ${expected}}}]`,
    'a',
  );
  expect(problems).toEqual([]);
  const expectation = file.cases[0]?.steps[0]?.expected[0];
  if (expectation === undefined) throw new Error('nothing is expected');
  return compareRows(expectation, found, { ...model, key });
}

const value = (form: TestValue['form'], text: string): TestValue => ({ form, text });

test.each([
  { type: 'Decimal(38, 2)', written: value('number', '10'), found: '10.00' },
  { type: 'Nullable(Decimal(9, 4))', written: value('number', '-0.50'), found: '-0.5000' },
  {
    type: 'UInt64',
    written: value('number', '18446744073709551615'),
    found: '18446744073709551615',
  },
  { type: 'UInt8', written: value('boolean', 'true'), found: 1 },
  { type: 'Bool', written: value('boolean', 'false'), found: false },
  { type: 'Float64', written: value('number', '0.3'), found: 0.30000000000000004 },
  { type: 'Float64', written: value('text', 'nan'), found: 'nan' },
  {
    type: "DateTime64(3, 'UTC')",
    written: value('text', '2026-09-01 10:00'),
    found: '2026-09-01 10:00:00.000',
  },
  {
    type: "Nullable(DateTime64(6, 'UTC'))",
    written: value('text', '2026-09-01'),
    found: '2026-09-01 00:00:00.000000',
  },
  { type: 'String', written: value('number', '007'), found: '007' },
  {
    type: 'Array(Nullable(Decimal(9, 2)))',
    written: value('json', '[1, null]'),
    found: ['1.00', null],
  },
  {
    type: 'Map(String, Int64)',
    written: value('json', '{"b": 2, "a": 1}'),
    found: { a: '1', b: '2' },
  },
])('$written.text is the $type that the engine gives as $found', ({ type, written, found }) => {
  expect(canonicalFound(found, type)).toBe(canonicalOf(written, type));
});

test.each([
  { type: 'Decimal(38, 2)', written: value('number', '10'), found: '1.00' },
  { type: 'Nullable(String)', written: value('text', ''), found: null },
  { type: 'Nullable(Int64)', written: value('number', '0'), found: null },
  { type: 'String', written: value('number', '7'), found: '07' },
  { type: 'Float64', written: value('number', '0.3'), found: 0.3001 },
  {
    type: "DateTime64(3, 'UTC')",
    written: value('text', '2026-09-01'),
    found: '2026-09-01 00:00:00.001',
  },
])('$written.text is not the $type that the engine gives as $found', ({ type, written, found }) => {
  expect(canonicalFound(found, type)).not.toBe(canonicalOf(written, type));
});

test('rows come in any order, and columns that are not named are not compared', () => {
  const { differences, equal, columns } = compare('[{id: 2}, {id: 1, amount: 5}]', [
    { id: '1', name: 'a', amount: '5.00' },
    { id: '2', name: null, amount: '6.00' },
  ]);
  expect(differences).toEqual([]);
  expect(equal).toBe(2);
  expect(columns).toEqual(['id', 'amount']);
});

test('a row that names less does not take the only partner of one that names more', () => {
  const found = [
    { id: '1', name: 'a', amount: '5.00' },
    { id: '1', name: 'b', amount: '5.00' },
  ];
  expect(compare('[{id: 1}, {id: 1, name: a}]', found, []).differences).toEqual([]);
  expect(compare('[{id: 1, name: a}, {id: 1, name: a}]', found, []).differences).toHaveLength(1);
});

test('rows of one key are shown as changed, others as missing and unexpected', () => {
  const { differences } = compare('[{id: 1, name: a, amount: 5}, {id: 2, name: b}]', [
    { id: '1', name: 'a', amount: '6.00' },
    { id: '3', name: 'b', amount: '1.00' },
  ]);
  expect(differences).toMatchObject([
    {
      kind: 'changed',
      cells: { id: { found: '1' }, name: { found: 'a' }, amount: { found: '6', expected: '5' } },
    },
    { kind: 'missing', cells: { id: { expected: '2' }, name: { expected: 'b' } } },
    {
      kind: 'unexpected',
      cells: { id: { found: '3' }, name: { found: 'b' }, amount: { found: '1' } },
    },
  ]);
});

test('without a key rows that are alike by half are shown as changed', () => {
  const found = [{ id: '1', name: 'a', amount: '6.00' }];
  expect(compare('[{name: a, amount: 5}]', found).differences).toMatchObject([{ kind: 'changed' }]);
  expect(compare('[{name: b, amount: 5}]', found).differences).toMatchObject([
    { kind: 'missing' },
    { kind: 'unexpected' },
  ]);
});

test('no rows expected shows the keys of what is there', () => {
  const { differences } = compare('[]', [{ id: '1', name: 'a', amount: '5.00' }]);
  expect(differences).toEqual([{ kind: 'unexpected', cells: { id: { found: '1' } } }]);
});

test('right rows in another order than wanted are told with the order they come in', () => {
  const found = [
    { id: '2', name: 'b', amount: '1.00' },
    { id: '1', name: 'a', amount: '5.00' },
  ];
  expect(compare('{ordered: true, rows: [{id: 1}, {id: 2}]}', found)).toMatchObject({
    differences: [],
    wrongOrder: [{ id: '2' }, { id: '1' }],
  });
  const right = compare('{ordered: amount, rows: [{id: 2}, {id: 1}]}', found);
  expect(right.wrongOrder).toBeUndefined();
  expect(right.equal).toBe(2);
});
