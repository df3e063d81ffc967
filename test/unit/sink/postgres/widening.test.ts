import { expect, test } from 'vitest';
import { widens } from '../../../../src/sink/postgres/widening.ts';

test.each([
  ['smallint', 'bigint', true],
  ['bigint', 'integer', false],
  ['bigint', 'numeric(20,0)', true],
  ['bigint', 'numeric(20,2)', false],
  ['integer', 'numeric', true],
  ['numeric(10,2)', 'numeric(12,4)', true],
  ['numeric(10,2)', 'numeric(11,4)', false],
  ['numeric', 'numeric(10,2)', false],
  ['numeric(10,2)', 'numeric', true],
  ['real', 'double precision', true],
  ['double precision', 'real', false],
  ['timestamp(0) without time zone', 'timestamp(6) without time zone', true],
  ['timestamp(3) without time zone', 'timestamp without time zone', true],
  ['timestamp(3) without time zone', 'timestamp(3) with time zone', false],
  ['interval(6)', 'interval(3)', false],
  ['character varying(10)', 'text', true],
  ['text', 'character varying(10)', false],
  ['bit(5)', 'bit(6)', false],
  ['jsonb', 'json', false],
] as const)('every value of %s is one of %s: %s', (from, to, expected) => {
  expect(widens(from, to)).toBe(expected);
});
