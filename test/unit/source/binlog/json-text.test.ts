import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByteWriter } from '../../../../src/lib/byte-writer.ts';
import { renderDouble, writeJsonText } from '../../../../src/source/mysql/binlog/json-text.ts';

const doubles: [number, string][] = [
  [0, '0.0'],
  [-0, '-0.0'],
  [1, '1.0'],
  [1e15, '1e15'],
  [999999999999999, '999999999999999.0'],
  [1234567890123456, '1.234567890123456e15'],
  [1234567890123456.5, '1234567890123456.5'],
  [1e-15, '0.000000000000001'],
  [1e-16, '1e-16'],
  [1e300, '1e300'],
  [-2.2250738585072014e-308, '-2.2250738585072014e-308'],
  [1.5, '1.5'],
];

test.each(doubles)('%d is %s', (value, text) => {
  expect(renderDouble(value)).toBe(text);
});

test('every double reads back as itself and never as an integer', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
      const text = renderDouble(value);
      expect(Object.is(Number(text), value)).toBe(true);
      expect(text).toMatch(/[.e]/);
    }),
  );
});

function textOf(hex: string): string {
  const writer = new ByteWriter(16);
  writeJsonText(writer, Buffer.from(hex.replaceAll(' ', ''), 'hex'));
  return writer.take().toString();
}

test('a small object has its keys in stored order, inlined and referred values', () => {
  // {"a": 1, "bb": "x\n"}: count 2, size, key entries, value entries, keys, string
  const hex = '00 0200 1700 1200 0100 1300 0200 05 0100 0c 1500 61 6262 02 780a';
  expect(textOf(hex)).toBe('{"a": 1, "bb": "x\\n"}');
});

test('no bytes at all are JSON null', () => {
  expect(textOf('')).toBe('null');
});

test('an unknown type is an error', () => {
  expect(() => textOf('0e00')).toThrow(/no JSON value has the type 14/);
});
