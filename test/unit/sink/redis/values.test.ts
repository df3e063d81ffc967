import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bytesAsText } from '../../../../src/sink/redis/byte-text.ts';
import { floatBitsText } from '../../../../src/sink/redis/float-text.ts';
import { readJsonObject } from '../../../../src/sink/redis/json-object.ts';
import { parseMoment } from '../../../../src/sink/redis/moment-text.ts';
import { valueFormOf } from '../../../../src/sink/redis/value-form.ts';
import { redisTable } from '../../../support/redis-table.ts';

const table = redisTable({ id: 'bigint', name: 'text', ratio: 'double', data: 'bytes' });
const fields = ['id', 'name', 'ratio', 'data'].map((column, at) => ({ number: at + 1, column }));

describe('every kind of value', () => {
  test.each([
    { name: 'hash', value: 'hash' as const },
    { name: 'JSON', value: 'json' as const },
    { name: 'template', value: { template: '{id};{name};{ratio};{data}' } },
    { name: 'protobuf', value: { fields } },
  ])('gives back the texts it was given: $name', ({ value }) => {
    const form = valueFormOf(table, value);
    const nullable = (texts: fc.Arbitrary<string>) => fc.option(texts);
    const row = fc.tuple(
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String),
      nullable(fc.string({ unit: 'grapheme' }).map(bytesAsText)),
      nullable(fc.double({ noDefaultInfinity: true, noNaN: true }).map(String)),
      nullable(fc.uint8Array().map((bytes) => Buffer.from(bytes).toString('base64'))),
    );
    fc.assert(
      fc.property(row, (texts) => {
        const found = form.read(form.write(texts, '0000000000000000042'));
        const [id, name, ratio, data] = table.columns.map((column) =>
          found?.texts.get(column.name),
        );
        expect([id, name, data]).toEqual([texts[0], texts[1], texts[3]]);
        expect(ratio === null ? null : Number(ratio)).toBe(
          texts[2] === null ? null : Number(texts[2]),
        );
        expect(found?.version).toBe(form.version === 'none' ? undefined : '0000000000000000042');
      }),
    );
  });
});

test.each([
  { json: '{}', expected: {} },
  { json: ' { "a" : 1 , "b":"x,\\"}" } ', expected: { a: '1', b: '"x,\\"}"' } },
  {
    json: '{"a":{"b":[1,"]}"]},"c":[],"d":null}',
    expected: { a: '{"b":[1,"]}"]}', c: '[]', d: 'null' },
  },
  { json: '{"a":1', expected: undefined },
  { json: '[1]', expected: undefined },
  { json: '{"a"}', expected: undefined },
])('members of $json are found as they stand there', ({ json, expected }) => {
  const members = readJsonObject(json);
  expect(members && Object.fromEntries(members)).toEqual(expected);
});

test.each([
  { text: '7.5', seconds: 7.5 },
  { text: '2026-01-01', seconds: 1_767_225_600 },
  { text: '2026-01-01 00:00:01.250', seconds: 1_767_225_601.25 },
  { text: '1969-12-31 23:59:59', seconds: -1 },
])('$text is $seconds seconds since 1970', ({ text, seconds }) => {
  expect(parseMoment(text)).toBe(seconds);
});

test('equal floats have equal bits, however they were printed', () => {
  expect(floatBitsText('1e21', 64)).toBe(floatBitsText('1e+21', 64));
  expect(floatBitsText('-0', 64)).not.toBe(floatBitsText('0', 64));
  expect(floatBitsText('0.1', 32)).toBe(floatBitsText('0.10000000149011612', 32));
  expect(floatBitsText('inf', 64)).toBe(floatBitsText('Infinity', 64));
  expect(floatBitsText('nan', 32)).toBe('nan');
});
