import { expect, test } from 'vitest';
import type { TableSchema } from '../../../src/change/table-schema.ts';
import { createFormat } from '../../../src/format/create-format.ts';
import { formatOptions } from '../../../src/format/options.ts';
import { renderChanges, stream } from './golden-changes.ts';

const format = createFormat(formatOptions.parse({}), {
  name: 'server',
  connector: 'mysql',
  toolVersion: '1',
});

/** A wider bit column has row bytes of the same layout, so an encoder may meet values of the next width. */
test.each([
  { sourceType: 'bit(1)', value: 1n, written: 'true' },
  { sourceType: 'bit(1)', value: 5n, written: '5' },
  { sourceType: 'bit(1)', value: 256n, written: '256' },
  { sourceType: 'bit(12)', value: 1n, written: '"AQA="' },
  { sourceType: 'bit(12)', value: 0x010203n, written: '"AwIB"' },
  { sourceType: 'bit(12)', value: 2n ** 63n, written: '"AAAAAAAAAIA="' },
])('a value of $value in a column known as $sourceType is whole', (given) => {
  const { sourceType, value, written } = given;
  const column = { name: 'b', type: { kind: 'bit' } as const, nullable: false, sourceType };
  const schema: TableSchema = { table: 'a.b', version: '1', columns: [column], key: ['b'] };
  const row = { values: [value], version: 1n, deleted: false };
  expect(renderChanges(format, schema, [row], stream)).toEqual([
    expect.stringContaining(`"after":{"b":${written}}`),
  ]);
});
