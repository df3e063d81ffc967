import { describe, expect, test } from 'vitest';
import type { Column, TableSchema } from '../../../../src/change/table-schema.ts';
import { keyOf } from '../../../../src/source/kafka/block-schema.ts';
import { parseColumnWords } from '../../../../src/source/kafka/column-words.ts';
import { columnsOfBlock } from '../../../../src/source/kafka/debezium-schema.ts';
import { mergeSchemas } from '../../../../src/source/kafka/merged-schema.ts';
import {
  canalTypes,
  canalTypesStart,
  connectPrefix,
  payloadAfter,
} from '../../../../src/source/kafka/schema-bytes.ts';
import { tableNameIn } from '../../../../src/source/kafka/table-name.ts';
import { schemaVersion } from '../../../../src/source/mysql/type-map.ts';

describe('a field of a schema block', () => {
  test.each([
    { field: { type: 'int16' }, words: 'smallint', encoding: 'text' },
    { field: { type: 'boolean' }, words: 'tinyint', encoding: 'boolean' },
    { field: { type: 'float' }, words: 'float', encoding: 'text' },
    { field: { type: 'double' }, words: 'double', encoding: 'text' },
    { field: { type: 'bytes' }, words: 'blob', encoding: 'base64' },
    {
      field: { type: 'int32', name: 'io.debezium.time.Date' },
      words: 'date',
      encoding: 'epochDays',
    },
    {
      field: { type: 'int64', name: 'io.debezium.time.Timestamp' },
      words: 'datetime(3)',
      encoding: 'epochMillis',
    },
    {
      field: { type: 'int64', name: 'io.debezium.time.NanoTimestamp' },
      words: 'datetime(9)',
      encoding: 'epochNanos',
    },
    {
      field: { type: 'int64', name: 'io.debezium.time.MicroTime' },
      words: 'time(6)',
      encoding: 'epochMicros',
    },
    {
      field: { type: 'string', name: 'io.debezium.time.ZonedTimestamp' },
      words: 'timestamp(6)',
      encoding: 'iso',
    },
    {
      field: { type: 'string', name: 'io.debezium.time.ZonedTime' },
      words: 'text',
      encoding: 'text',
    },
    { field: { type: 'int32', name: 'io.debezium.time.Year' }, words: 'year', encoding: 'text' },
    {
      field: { type: 'bytes', name: 'io.debezium.data.Bits', parameters: { length: '5' } },
      words: 'bit(64)',
      encoding: 'bits',
    },
    { field: { type: 'string', name: 'io.debezium.data.Json' }, words: 'json', encoding: 'text' },
    {
      field: { type: 'string', name: 'io.debezium.data.Enum', parameters: { allowed: 'a,b' } },
      words: 'text',
      encoding: 'text',
    },
    {
      field: { type: 'string', name: 'io.debezium.data.EnumSet' },
      words: 'text',
      encoding: 'text',
    },
    {
      field: { type: 'struct', name: 'io.debezium.data.geometry.Point' },
      words: 'geometry',
      encoding: 'geometry',
    },
    {
      field: { type: 'struct', name: 'io.debezium.data.VariableScaleDecimal' },
      words: 'json',
      encoding: 'value',
    },
    { field: { type: 'array' }, words: 'json', encoding: 'value' },
    {
      field: {
        type: 'bytes',
        name: 'org.apache.kafka.connect.data.Decimal',
        parameters: { scale: '4', 'connect.decimal.precision': '12' },
      },
      words: 'decimal(12,4)',
      encoding: 'unscaledBase64',
    },
  ])(
    '$field.name$field.type becomes $words, written as $encoding',
    ({ field, words, encoding }) => {
      const [column] = columnsOfBlock(
        'shop.t',
        { fields: [{ ...field, field: 'c', optional: true }] },
        {},
      );
      expect(column).toMatchObject({ type: parseColumnWords(words), encoding, nullable: true });
    },
  );

  test('a decimal that a message shows as a number is written as one', () => {
    const field = {
      type: 'bytes',
      name: 'org.apache.kafka.connect.data.Decimal',
      parameters: { scale: '2' },
      field: 'c',
    };
    expect(columnsOfBlock('shop.t', { fields: [field] }, { c: 12.5 })[0]?.encoding).toBe('text');
  });

  test('an unknown type names table and column', () => {
    expect(() =>
      columnsOfBlock('shop.t', { fields: [{ type: 'uint128', field: 'c' }] }, {}),
    ).toThrow(
      expect.objectContaining({
        code: 'CDC_TYPE_UNSUPPORTED',
        details: { table: 'shop.t', column: 'c', type: 'uint128' },
      }),
    );
  });

  test('a default is the value of older rows, quoted where it is text', () => {
    const fields = [
      { type: 'int32', field: 'n', default: -3 },
      { type: 'string', field: 's', default: "it's" },
      { type: 'bytes', field: 'b', default: 'AA==' },
    ];
    expect(columnsOfBlock('shop.t', { fields }, {}).map(({ initial }) => initial)).toEqual([
      '-3',
      "'it\\'s'",
      undefined,
    ]);
  });
});

describe('the key of a message', () => {
  test.each([
    {
      name: 'a schema block',
      key: '{"schema":{"type":"struct","fields":[{"field":"b"},{"field":"a"}]},"payload":{"a":1,"b":2}}',
      expected: ['b', 'a'],
    },
    { name: 'no schema block', key: '{"id":1}', expected: ['id'] },
    { name: 'a null block', key: '{"schema":null,"payload":{"id":1}}', expected: ['id'] },
    { name: 'bare text', key: '"1"', expected: undefined },
  ])('with $name has its names', ({ key, expected }) => {
    expect(keyOf(Buffer.from(key))).toEqual(expected);
  });
});

describe('schemas that differ', () => {
  const column = (name: string, words: string, nullable = true): Column => {
    const type = parseColumnWords(words);
    if (type === undefined) throw new Error(words);
    return { name, type, nullable, sourceType: words };
  };
  const schema = (...columns: Column[]): TableSchema => ({
    table: 'shop.t',
    version: schemaVersion(columns, ['id']),
    columns,
    key: ['id'],
  });
  const id = column('id', 'bigint', false);

  test.each([
    { one: 'int', other: 'bigint', merged: 'bigint' },
    { one: 'int unsigned', other: 'int', merged: 'bigint' },
    { one: 'float', other: 'double', merged: 'double' },
    { one: 'decimal(10,2)', other: 'decimal(8,4)', merged: 'decimal(12,4)' },
    { one: 'datetime(3)', other: 'datetime(6)', merged: 'datetime(6)' },
    { one: 'bigint unsigned', other: 'int', merged: undefined },
    { one: 'int', other: 'text', merged: undefined },
  ])('$one and $other give $merged whatever comes first', ({ one, other, merged }) => {
    for (const [first, second] of [
      [one, other],
      [other, one],
    ] as const) {
      const merge = () =>
        mergeSchemas(schema(id, column('c', first)), [id, column('c', second)], ['id']);
      if (merged === undefined)
        expect(merge).toThrow(expect.objectContaining({ code: 'CDC_SCHEMA_INCOMPATIBLE' }));
      else expect(merge().columns[1]?.type).toEqual(parseColumnWords(merged));
    }
  });

  test('columns stay, and one that not every message has may be NULL', () => {
    const known = schema(id, column('gone', 'int', false));
    const merged = mergeSchemas(known, [id, column('new', 'int', false)], ['id']);
    expect(merged.columns.map(({ name, nullable }) => [name, nullable])).toEqual([
      ['id', false],
      ['gone', true],
      ['new', true],
    ]);
    expect(mergeSchemas(merged, [id, column('gone', 'int', false)], ['id'])).toBe(merged);
  });

  test('another key is refused', () => {
    expect(() => mergeSchemas(schema(id), [id], ['id', 'x'])).toThrow(
      /its key was \(id\) and is \(id, x\)/,
    );
  });
});

describe('bytes that describe columns', () => {
  test('end where the JSON value ends, whatever text is in it', () => {
    const block = '{"a":"}\\"{","payload":{"x":[{}]}}';
    const value = Buffer.from(`{"schema":${block},"payload":{"id":1}} \n`);
    const prefix = connectPrefix(value) ?? Buffer.alloc(0);
    expect(prefix.toString()).toBe(`{"schema":${block},"payload":`);
    expect(payloadAfter(prefix, value).toString()).toBe('{"id":1}');
  });

  test.each([
    '{"schema":"public","id":1}',
    '{"schema":{"a":1',
    '{"schema":{"a":1},"id":1}',
    '{"id":1}',
  ])('are not there in %s', (text) => {
    expect(connectPrefix(Buffer.from(text))).toBeUndefined();
  });

  test('are found in the middle of a message of Canal', () => {
    const value = Buffer.from(
      '{"data":[{"x":"\\"mysqlType\\":{"}],"mysqlType":{"x":"varchar(2)"},"old":null}',
    );
    expect(canalTypes(value, canalTypesStart(value))?.toString()).toBe(
      '"mysqlType":{"x":"varchar(2)"}',
    );
  });
});

describe('the table that a message names', () => {
  test.each([
    {
      format: 'maxwell',
      value: '{"database":"shop","table":"orders","type":"insert","data":{"id":1}}',
      name: 'shop.orders',
    },
    {
      format: 'maxwell',
      value: '{"database":"shop","table":"t","data":{"table":"x","database":"y"}}',
      name: 'shop.t',
    },
    {
      format: 'canal',
      value: '{"data":[{"table":"x"}],"database":"shop","table":"orders","type":"INSERT"}',
      name: 'shop.orders',
    },
    {
      format: 'debezium',
      value: '{"after":{"db":"x"},"source":{"db":"shop","table":"orders"},"op":"c"}',
      name: 'shop.orders',
    },
    {
      format: 'debezium',
      value: '{"after":null,"source":{"db":"main","schema":"public","table":"orders"}}',
      name: 'public.orders',
    },
    {
      format: 'maxwell',
      value: '{"database":"sh\\u00f6p","table":"o\\"x","data":{}}',
      name: 'shöp.o"x',
    },
    {
      format: 'debezium',
      value: '{"after":{"schema":"x","id":1},"source":{"db":"shop","table":"orders"}}',
      name: 'shop.orders',
    },
    { format: 'maxwell', value: 'table', name: undefined },
  ] as const)('$format $value names $name', ({ format, value, name }) => {
    expect(tableNameIn(Buffer.from(value), format)).toBe(name);
  });
});
