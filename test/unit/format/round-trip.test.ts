import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { defaultEncoding } from '../../../src/change/message-layout.ts';
import { encodeRows, type RowValue } from '../../../src/change/row-codec.ts';
import type { Column, ColumnType, TableSchema } from '../../../src/change/table-schema.ts';
import type { ChangeFormat, ChangePlace } from '../../../src/format/change-format.ts';
import { createFormat } from '../../../src/format/create-format.ts';
import { formatOptions } from '../../../src/format/options.ts';
import { ByteWriter } from '../../../src/lib/byte-writer.ts';
import { type ExactValue, parseExact } from './exact-json.ts';
import { readValue } from './message-values.ts';

type Members = { readonly [name: string]: ExactValue };

interface Generated {
  readonly type: ColumnType;
  readonly sourceType: string;
  readonly value: fc.Arbitrary<RowValue>;
}

const ticksFrom = BigInt(Date.UTC(1900, 0, 1) / 1000);
const ticksTo = BigInt(Date.UTC(2300, 0, 1) / 1000) - 1n;
const awkward = fc.constantFrom('"', '\\', '\n', '\t', '\u0000', '\u001f', '\u007f', '/', 'é');
const someText = fc.string({ unit: fc.oneof(awkward, fc.string({ unit: 'grapheme' })) });
const someBytes = fc.uint8Array({ maxLength: 700 }).map((bytes) => Buffer.from(bytes));

const integers = ([8, 16, 32, 64] as const).flatMap((bits) =>
  [true, false].map((isUnsigned): Generated => {
    const size = 1n << BigInt(bits);
    const [min, max] = isUnsigned ? [0n, size - 1n] : [-size / 2n, size / 2n - 1n];
    const value = fc.oneof(fc.bigInt({ min, max }), fc.constantFrom(min, max, 0n));
    return {
      type: { kind: 'int', bits, unsigned: isUnsigned },
      sourceType: `int${isUnsigned ? ' unsigned' : ''}`,
      value: bits === 64 ? value : value.map(Number),
    };
  }),
);

const decimals = [
  [1, 0],
  [9, 2],
  [10, 10],
  [15, 3],
  [16, 0],
  [18, 18],
  [20, 10],
  [38, 18],
  [65, 30],
].map(([precision = 0, scale = 0]): Generated => {
  const max = 10n ** BigInt(precision) - 1n;
  return {
    type: { kind: 'decimal', precision, scale },
    sourceType: `decimal(${precision},${scale})`,
    value: fc.oneof(fc.bigInt({ min: -max, max }), fc.constantFrom(max, -max, 0n, 1n, -1n)),
  };
});

const times = [0, 1, 2, 3, 4, 5, 6].flatMap((fsp): Generated[] => {
  const unit = 10n ** BigInt(fsp);
  const limit = (839n * 3600n - 1n) * unit;
  const moment = fc.bigInt({ min: ticksFrom * unit, max: (ticksTo + 1n) * unit - 1n });
  return [
    { type: { kind: 'datetime', fsp }, sourceType: `datetime(${fsp})`, value: moment },
    { type: { kind: 'timestamp', fsp }, sourceType: `timestamp(${fsp})`, value: moment },
    {
      type: { kind: 'time', fsp },
      sourceType: `time(${fsp})`,
      value: fc.bigInt({ min: -limit, max: limit }),
    },
  ];
});

const generated: readonly Generated[] = [
  ...integers,
  ...decimals,
  ...times,
  { type: { kind: 'float', bits: 64 }, sourceType: 'double', value: doubles(fc.double) },
  { type: { kind: 'float', bits: 32 }, sourceType: 'float', value: doubles(fc.float) },
  {
    type: { kind: 'float', bits: 64 },
    sourceType: 'double',
    value: fc.tuple(fc.integer(), fc.integer({ min: 0, max: 9 })).map(([n, e]) => n / 10 ** e),
  },
  {
    type: { kind: 'date' },
    sourceType: 'date',
    value: fc.integer({ min: -25_567, max: 120_529 }),
  },
  { type: { kind: 'year' }, sourceType: 'year', value: fc.integer({ min: 1901, max: 2155 }) },
  { type: { kind: 'bit' }, sourceType: 'bit(1)', value: fc.constantFrom(0n, 1n) },
  { type: { kind: 'bit' }, sourceType: 'bit(12)', value: fc.bigInt({ min: 0n, max: 4095n }) },
  {
    type: { kind: 'bit' },
    sourceType: 'bit(64)',
    value: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
  },
  { type: { kind: 'string' }, sourceType: 'text', value: someText },
  { type: { kind: 'date', text: true }, sourceType: 'date', value: fc.constant('0000-00-00') },
  {
    type: { kind: 'json' },
    sourceType: 'json',
    value: someText.map((text) => JSON.stringify([text])),
  },
  { type: { kind: 'binary' }, sourceType: 'blob', value: someBytes },
  {
    type: { kind: 'geometry' },
    sourceType: 'geometry',
    value: someBytes.map((bytes) => Buffer.concat([Buffer.from([0xe6, 0x10, 0, 0]), bytes])),
  },
];

function doubles(arbitrary: typeof fc.double | typeof fc.float): fc.Arbitrary<number> {
  return arbitrary({ noNaN: true, noDefaultInfinity: true });
}

const columnIn = fc.record({
  index: fc.nat({ max: generated.length - 1 }),
  nullable: fc.boolean(),
  name: fc.oneof(someText, fc.string({ minLength: 60, maxLength: 64 })),
});

/** A schema of 1 to 40 columns and two rows of it; the first column is the key. */
const tableIn = fc.array(columnIn, { minLength: 1, maxLength: 40 }).chain((some) => {
  const columns = some.map(({ index, nullable, name }, place): Column => {
    const { type, sourceType } = generated[index] as Generated;
    return { name: `${place}${name}`, type, sourceType, nullable: nullable && place > 0 };
  });
  const key = columns[0]?.name ?? '';
  const schema: TableSchema = { table: 'db.a"b', version: 'v', columns, key: [key] };
  const row = fc.tuple(
    ...some.map(({ index }, place) => {
      const { value } = generated[index] as Generated;
      return columns[place]?.nullable ? fc.option(value, { nil: null }) : value;
    }),
  );
  return fc.record({
    schema: fc.constant(schema),
    before: row,
    after: row,
    kept: fc.array(fc.boolean(), { minLength: some.length, maxLength: some.length }),
  });
});

const place: ChangePlace = {
  origin: 'stream',
  fileBase: 'mysql-bin.',
  fileDigits: 6,
  receivedAtMs: 1_700_000_000_123,
  mark: { end: 1n << 60n, id: '0-1-7', committedAtMs: 1_700_000_000_000 },
};
const version = (3n << 36n) + 4n;

/** Where a format has the rows: after, before, and of those only what changed. */
const formats = [
  { name: 'debezium', after: ['after'], before: ['before'], onlyChanged: false },
  { name: 'debezium precise', after: ['after'], before: ['before'], onlyChanged: false },
  { name: 'maxwell', after: ['data'], before: ['old'], onlyChanged: true },
  { name: 'canal', after: ['data', '0'], before: ['old', '0'], onlyChanged: true },
] as const;

describe.each(formats)('messages of $name', ({ name, after, before, onlyChanged }) => {
  const [type, decimals = 'string'] = name.split(' ');
  const format = createFormat(formatOptions.parse({ type, decimals }), {
    name: 'server',
    connector: 'mysql',
    toolVersion: '1',
  });

  test(`hold exactly the values of the rows (${name})`, () => {
    fc.assert(
      fc.property(tableIn, (generatedTable) => {
        const { schema, kept } = generatedTable;
        const rowAfter = generatedTable.after;
        const rowBefore = generatedTable.before.map((value, index) =>
          kept[index] || index === 0 ? (rowAfter[index] ?? null) : value,
        );
        const bytes = encodeRows(schema, [
          { values: rowBefore, version, deleted: false, isBefore: true },
          { values: rowAfter, version: version + 1n, deleted: false },
          { values: rowAfter, version: version + 2n, deleted: true },
        ]);
        const update = encode(format, schema, bytes, 0);
        const message = parseExact(update.value);
        expectRow(format, schema, memberAt(message, after), rowAfter);
        const old = memberAt(message, before) as Members;
        if (onlyChanged) expectChanged(format, schema, old, rowBefore, rowAfter);
        else expectRow(format, schema, old, rowBefore);
        expect([update.operation, update.high, update.low]).toEqual(['update', 48, 5]);

        const removed = encode(format, schema, bytes, update.next);
        expect([removed.operation, removed.low, removed.next]).toEqual(['delete', 6, bytes.length]);
        expect(removed.key).toBe(update.key);
        const deleted = memberAt(parseExact(removed.value), onlyChanged ? after : before);
        expectRow(format, schema, deleted, rowAfter);
      }),
      { numRuns: 150 },
    );
  });
});

function encode(format: ChangeFormat, schema: TableSchema, bytes: Buffer, at: number) {
  const encoder = format.encoder(schema);
  const next = encoder.read(bytes, at);
  // Small, so that it has to grow wherever code may write.
  const writer = new ByteWriter(1);
  encoder.writeKey(writer);
  const key = writer.take().toString();
  encoder.writeValue(writer, place);
  const value = writer.take().toString();
  JSON.parse(key);
  const { operation, versionHigh: high, versionLow: low } = encoder;
  return { key, value, next, operation, high, low };
}

function memberAt(value: ExactValue, path: readonly string[]): ExactValue {
  return path.reduce((inner, name) => (inner as Members)[name] ?? null, value);
}

function expectRow(
  format: ChangeFormat,
  schema: TableSchema,
  row: ExactValue,
  values: readonly RowValue[],
): void {
  const names = schema.columns.map(({ name }) => name);
  expect(Object.keys(row ?? {}).toSorted()).toEqual(names.toSorted());
  for (const [index, column] of schema.columns.entries()) {
    const found = valueIn(format, schema, column, row as Members);
    expect(found, `${column.sourceType} ${column.name}`).toEqual(values[index] ?? null);
  }
}

function expectChanged(
  format: ChangeFormat,
  schema: TableSchema,
  old: Members,
  before: readonly RowValue[],
  after: readonly RowValue[],
): void {
  for (const [index, column] of schema.columns.entries()) {
    const same = sameValue(before[index] ?? null, after[index] ?? null);
    expect(Object.hasOwn(old, column.name), column.name).toBe(!same);
    if (!same) expect(valueIn(format, schema, column, old)).toEqual(before[index] ?? null);
  }
}

function valueIn(format: ChangeFormat, schema: TableSchema, column: Column, row: Members) {
  const layout = format.layout(schema);
  const encoding = layout.encodings?.[column.name] ?? defaultEncoding(layout.format, column.type);
  return readValue(column, encoding, row[column.name] ?? null);
}

function sameValue(left: RowValue, right: RowValue): boolean {
  return Buffer.isBuffer(left) && Buffer.isBuffer(right)
    ? left.equals(right)
    : Object.is(left, right);
}
