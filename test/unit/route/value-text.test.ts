import { expect, test } from 'vitest';
import { encodeRows } from '../../../src/change/row-codec.ts';
import { textBytes } from '../../../src/route/value-text.ts';
import { schemaOf, specValue } from './route-spec.ts';

test.each([
  ['tinyint', -5, '-5'],
  ['bigint unsigned', '18446744073709551615', '18446744073709551615'],
  ['decimal(10,2)', '-0.05', '-0.05'],
  ['decimal(5,0)', '12', '12'],
  ['date', '1969-12-31', '1969-12-31'],
  ['datetime(3)', '1969-12-31 23:59:59.500', '1969-12-31 23:59:59.500'],
  ['timestamp(0)', '2026-01-31 10:00:00', '2026-01-31 10:00:00'],
  ['time(1)', '101:00:00.5', '101:00:00.5'],
  ['year', 2026, '2026'],
  ['bit', 5, '5'],
  ['string', 'Łódź', 'Łódź'],
  ['json', '{"a": 1}', '{"a": 1}'],
])('%s %s is written as the server prints it', (type, value, text) => {
  const schema = schemaOf('a.b', { id: type });
  const column = schema.columns[0];
  if (column === undefined) throw new Error('no column');
  const values = [specValue(column.type, value)];
  const bytes = encodeRows(schema, [{ values, version: 1n, deleted: false }]);
  expect(textBytes(column.type, bytes, 0).toString()).toBe(text);
});

test('a negative time of less than an hour has its sign', () => {
  const bytes = encodeRows(schemaOf('a.b', { id: 'time(1)' }), [
    { values: [-5n], version: 1n, deleted: false },
  ]);
  expect(textBytes({ kind: 'time', fsp: 1 }, bytes, 0).toString()).toBe('-00:00:00.5');
});
