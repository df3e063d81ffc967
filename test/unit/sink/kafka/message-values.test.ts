import { describe, expect, test } from 'vitest';
import { encodeRows, type RowValue } from '../../../../src/change/row-codec.ts';
import type { ColumnType } from '../../../../src/change/table-schema.ts';
import { clickhouseType } from '../../../../src/engine/column-type.ts';
import { createFormat } from '../../../../src/format/create-format.ts';
import { type FormatOptions, formatOptions } from '../../../../src/format/options.ts';
import { ByteWriter } from '../../../../src/lib/byte-writer.ts';
import { messageSchema } from '../../../../src/sink/kafka/message-schema.ts';
import { messageText, rowOf } from '../../../../src/sink/kafka/message-values.ts';
import { messageColumns } from '../../../../src/sink/kafka/type-map.ts';

/** What comes back of a value that a message was written with. */
function throughMessage(
  value: RowValue,
  type: ColumnType,
  format: FormatOptions,
  sourceType?: string,
): string | null {
  const engineType = clickhouseType({ type, nullable: true });
  const column = {
    ...{ name: 'a"b', type, nullable: true, isKey: false, engineType },
    ...(sourceType !== undefined && { sourceType }),
  };
  const table = { source: 'shop.t', target: 't', columns: [column], key: [], settings: {} };
  const schema = messageSchema(table);
  const encoder = createFormat(format, {
    name: 'test',
    connector: 'mysql',
    toolVersion: '1',
  }).encoder(schema);
  const bytes = encodeRows(schema, [{ values: [value], version: 7n, deleted: false }]);
  expect(encoder.read(bytes, 0)).toBe(bytes.length);
  const to = new ByteWriter();
  const mark = { end: 0n, id: 'version.0:0', committedAtMs: 1_767_225_612_000 };
  const place = { origin: 'stream', fileBase: 'version.', fileDigits: 6, mark } as const;
  encoder.writeValue(to, { ...place, receivedAtMs: mark.committedAtMs });
  const row = rowOf(to.take().toString(), format.type);
  return messageText(row?.get('a"b') ?? 'missing', messageColumns(format)(column));
}

const decimal = { kind: 'decimal', precision: 20, scale: 3 } as const;
const double = { kind: 'float', bits: 64 } as const;

describe('a value in a message', () => {
  test.each([
    {
      name: 'of more digits than a double',
      value: -9_007_199_254_740_993n,
      text: '-9007199254740.993',
    },
    { name: 'with zeros at its end', value: 12_500n, text: '12.5' },
    { name: 'below one', value: -5n, text: '-0.005' },
    { name: 'of zero', value: 0n, text: '0' },
  ])('is the same decimal $name, however decimals are written', ({ value, text }) => {
    for (const options of [{}, { decimals: 'precise' }, { type: 'canal' }, { type: 'maxwell' }]) {
      const format = formatOptions.parse(options);
      expect([format, throughMessage(value, decimal, format)]).toEqual([format, text]);
    }
  });

  test('is the nearest double of a decimal where the project file says so', () => {
    const format = formatOptions.parse({ decimals: 'double' });
    const bits = Buffer.alloc(8);
    bits.writeDoubleLE(12.345);
    expect(throughMessage(12_345n, decimal, format)).toBe(String(bits.readBigUInt64LE()));
  });

  test.each(['debezium', 'canal', 'maxwell'] as const)(
    'is NaN or infinite in %s JSON that every reader takes',
    (type) => {
      const format = formatOptions.parse({ type });
      expect(throughMessage(Number.NaN, double, format)).toBe('nan');
      const infinite = Buffer.alloc(8);
      infinite.writeDoubleLE(Number.NEGATIVE_INFINITY);
      const text = String(infinite.readBigUInt64LE());
      expect(throughMessage(Number.NEGATIVE_INFINITY, double, format)).toBe(text);
    },
  );

  test.each([
    { name: 'NULL', type: { kind: 'string' }, value: null, text: null },
    { name: 'the text null', type: { kind: 'string' }, value: 'null', text: 'null' },
    {
      name: 'braces and quotes',
      type: { kind: 'string' },
      value: '{"a":"\\"}]',
      text: '{"a":"\\"}]',
    },
    { name: 'bytes', type: { kind: 'binary' }, value: Buffer.from([0, 255, 34]), text: 'AP8i' },
    {
      name: 'all bits',
      type: { kind: 'bit' },
      value: 2n ** 64n - 1n,
      text: '18446744073709551615',
    },
    { name: 'a negative time', type: { kind: 'time', fsp: 3 }, value: -1n, text: '-00:00:00.001' },
    { name: 'a day before 1970', type: { kind: 'date' }, value: -1, text: '1969-12-31' },
  ] as const)('comes back when it is $name, in every format', ({ type, value, text }) => {
    for (const name of ['debezium', 'canal', 'maxwell'] as const) {
      for (const schema of [false, true]) {
        const format = formatOptions.parse({ type: name, schema });
        expect([
          name,
          schema,
          throughMessage(value, type, format, type.kind === 'bit' ? 'bit(64)' : undefined),
        ]).toEqual([name, schema, text]);
      }
    }
  });

  test('is a moment before 1970 with its fraction', () => {
    const format = formatOptions.parse({});
    const type = { kind: 'datetime', fsp: 6 } as const;
    expect(throughMessage(-1n, type, format)).toBe('1969-12-31 23:59:59.999999');
  });
});

describe('a message', () => {
  test.each([
    ['debezium', '{"before":{"id":1},"after":null,"op":"d"}'],
    ['canal', '{"data":[{"id":"1"}],"type":"DELETE"}'],
    ['maxwell', '{"type":"delete","data":{"id":1}}'],
  ] as const)('of %s that takes a row away leaves none', (format, text) => {
    expect(rowOf(text, format)).toBeUndefined();
  });

  test('that was cut off is an error', () => {
    expect(() => rowOf('{"op":"c","after":{"id":1,"na', 'debezium')).toThrow(/ends in the middle/);
  });
});
