import { expect, test } from 'vitest';
import { renderModelTests, renderTestedCase } from '../../../src/cli/presenter/model-test.ts';
import { createStyle, plainStyle } from '../../../src/cli/presenter/style.ts';
import type { ModelFailure, TestedCase } from '../../../src/layers/model-test/model-test-case.ts';

const passed: TestedCase = {
  file: 'layers/tests/a.yaml',
  name: 'a refund',
  where: 'layers/tests/a.yaml:3:5',
  ms: 412,
  steps: 3,
};

function failed(...models: ModelFailure[]): TestedCase {
  const failure = { step: 'the refund', where: 'layers/tests/a.yaml:9:7', models };
  return { ...passed, steps: 1, failure };
}

const rows: ModelFailure = {
  kind: 'rows',
  model: 'dws.by_city',
  where: 'layers/tests/a.yaml:12:11',
  columns: ['city', 'orders', 'amount'],
  equal: 2,
  differences: [
    {
      kind: 'changed',
      where: 'layers/tests/a.yaml:13:13',
      cells: {
        city: { found: '武汉' },
        orders: { found: '2', expected: '3' },
        amount: { found: null, expected: '5' },
      },
    },
    { kind: 'missing', cells: { city: { expected: 'Rome' }, orders: { expected: null } } },
    {
      kind: 'unexpected',
      cells: { city: { found: '' }, orders: { found: '1' }, amount: { found: '7.5' } },
    },
  ],
};

test('a case that went well is one line', () => {
  expect(renderTestedCase(passed, plainStyle)).toBe(
    'ok    a refund  layers/tests/a.yaml, 412 ms\n',
  );
});

test('rows that differ are shown under their columns, with what was expected beside what is there', () => {
  expect(renderTestedCase(failed(rows), plainStyle)).toBe(`FAIL  a refund  layers/tests/a.yaml:3:5
      after "the refund"  layers/tests/a.yaml:9:7
      dws.by_city  layers/tests/a.yaml:12:11
         city  orders  amount
      ─  ────  ──────  ────────
      ~  武汉  2 (3)   NULL (5)
      -  Rome  NULL
      +  ''    1       7.5
      - expected, not there, + there, not expected, ~ other values: found (expected); 2 rows as expected
`);
});

test('colours leave the columns of a difference where they are', () => {
  const start = String.fromCharCode(27);
  const colored = renderTestedCase(failed(rows), createStyle(true));
  expect(colored).toContain(`${start}[31m(3)${start}[0m`);
  const plain = colored.replaceAll(new RegExp(`${start}\\[\\d+m`, 'g'), '');
  expect(plain).toBe(renderTestedCase(failed(rows), plainStyle));
});

test.each<{ failure: ModelFailure; text: RegExp }>([
  {
    failure: { kind: 'stopped', model: 'dwd.a', reason: 'division by zero' },
    text: /dwd.a has stopped: division by zero/,
  },
  {
    failure: { kind: 'unequal', model: 'dwd.a', keys: ['{"id":1}'] },
    text: /fault of cdc[\s\S]*\{"id":1\}/,
  },
  {
    failure: {
      kind: 'rows',
      model: 'dwd.a',
      where: 'x',
      columns: ['id'],
      equal: 2,
      differences: [],
      wrongOrder: [{ id: '2' }, { id: '1' }],
    },
    text: /the rows are right, but come in this order:\s+id\s+──\s+2\s+1/,
  },
])('a failure of the kind $failure.kind is said in words', ({ failure, text }) => {
  expect(renderTestedCase(failed(failure), plainStyle)).toMatch(text);
});

test('the last line counts the cases', () => {
  const report = (cases: TestedCase[]) => ({ ok: false, cases, seconds: 2.51 });
  expect(renderModelTests(report([passed, passed]), plainStyle)).toBe(
    '\n2 cases as expected in 2.5 s\n',
  );
  expect(renderModelTests(report([passed, failed(rows)]), plainStyle)).toBe(
    '\n1 case failed, 1 case as expected in 2.5 s\n',
  );
});
