import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { MessageLayout, ValueEncoding } from '../../src/change/message-layout.ts';
import { encodeRows, type Row, type RowValue } from '../../src/change/row-codec.ts';
import type { Column, ColumnType, TableSchema } from '../../src/change/table-schema.ts';
import { quoteIdentifier } from '../../src/engine/sql-quote.ts';
import { ClickhouseOds } from '../../src/load/clickhouse/clickhouse-ods.ts';
import { linesOf, messagesOf } from '../support/message-building.ts';
import { fspOf, writeValue } from '../support/message-values.ts';
import { openTestEngine, type TestEngine } from '../support/test-engine.ts';

let server: TestEngine;
let ods: ClickhouseOds;

beforeAll(async () => {
  server = await openTestEngine();
  ods = new ClickhouseOds(server.engine);
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

/** Values of a type, and the ways in which they may be written. */
interface Sample {
  readonly type: ColumnType;
  readonly values: readonly RowValue[];
  readonly encodings: readonly ValueEncoding[];
}

const epochs = ['epochMillis', 'epochMicros', 'epochNanos'] as const;
/** Those that hold all ticks of a type. */
const epochsOf = (fsp: number) => epochs.filter((_, index) => (index + 1) * 3 >= fsp);

const int = (bits: 8 | 16 | 32 | 64, unsigned: boolean): Sample => {
  const [min, max] = unsigned
    ? [0n, 2n ** BigInt(bits) - 1n]
    : [-(2n ** BigInt(bits - 1)), 2n ** BigInt(bits - 1) - 1n];
  const all = [min, max, 0n, 1n, max - 1n];
  const values = bits === 64 ? all : all.map(Number);
  return { type: { kind: 'int', bits, unsigned }, values, encodings: ['text'] };
};

const decimal = (precision: number, scale: number): Sample => {
  const most = 10n ** BigInt(precision) - 1n;
  const values = [most, -most, 0n, 1n, -1n, 127n, 128n, -128n, -129n].filter(
    (value) => value <= most && value >= -most,
  );
  return {
    type: { kind: 'decimal', precision, scale },
    values,
    encodings: ['text', 'unscaledBase64'],
  };
};

const second = (text: string) => BigInt(Date.parse(`${text}Z`)) / 1000n;

const moment = (kind: 'datetime' | 'timestamp', fsp: number): Sample => {
  const unit = 10n ** BigInt(fsp);
  const values = [
    second('1900-01-01T00:00:00') * unit,
    (second('2299-12-31T23:59:59') + 1n) * unit - 1n,
    second('1969-12-31T23:59:59') * unit,
    0n,
    -1n,
    second('2026-02-28T12:34:56') * unit + (fsp > 0 ? 7n : 0n),
    second('2149-06-07T00:00:00') * unit,
  ];
  // Nanoseconds of these years do not fit 64 bits.
  const near = values.filter((value) => value < 9n * 10n ** BigInt(9 + fsp));
  const isNano = fsp === 9;
  return {
    type: { kind, fsp },
    values: isNano ? near : values,
    encodings: ['text', 'iso', ...epochsOf(fsp).filter((each) => isNano || each !== 'epochNanos')],
  };
};

const time = (fsp: number): Sample => {
  const unit = 10n ** BigInt(fsp);
  const most = (838n * 3600n + 59n * 60n + 60n) * unit - 1n;
  return {
    type: { kind: 'time', fsp },
    values: [0n, 1n, -1n, most, -most, 90_061n * unit],
    encodings: ['text', 'iso', ...epochsOf(fsp)],
  };
};

const bytes = [
  Buffer.alloc(0),
  Buffer.from([0]),
  Buffer.from([0, 255, 254, 128, 10, 9, 34, 92, 127, 160]),
  Buffer.from(Array.from({ length: 256 }, (_, index) => index)),
];

const texts = [
  '',
  'plain',
  ' "quoted" \\ back\\nslash / \t\n\r\b\f',
  'é 北京 😀 \u0000\u0001\u001f\u007f\u2028\u2029',
  '"},"v":9,"m":{"id":"9"',
  '{"a":1}',
  '[1]',
  'null',
  'x'.repeat(100_000),
];

const jsonTexts = [
  '{"b": 1, "a": [1, 2.50, 1e300, 99999999999999999999999, null, true], "é": "\\u00e9\\/"}',
  '[]',
  '"1"',
  '1',
  '1.10',
  '-0',
  '1E+2',
  'true',
  'false',
  '""',
  '"{\\"a\\": 1}"',
  '"true"',
  '"é \\"q\\" \\\\ / \u2028"',
];

const geometries = [
  Buffer.from('e6100000010100000000000000000000400000000000000840', 'hex'),
  Buffer.from('00000000010100000000000000000000400000000000000840', 'hex'),
];

const samples: readonly Sample[] = [
  ...([8, 16, 32, 64] as const).flatMap((bits) => [int(bits, false), int(bits, true)]),
  { type: { kind: 'int', bits: 8, unsigned: false }, values: [0, 1], encodings: ['boolean'] },
  {
    type: { kind: 'float', bits: 64 },
    values: [0, -0, 0.1, 1e300, 5e-324, 1.7976931348623157e308, -2.2250738585072014e-308, 1 / 3],
    encodings: ['text'],
  },
  {
    type: { kind: 'float', bits: 32 },
    values: [0, 0.1, 16777216, 3.4028234663852886e38, -1.5, 1e-45].map(Math.fround),
    encodings: ['text'],
  },
  ...[decimal(1, 0), decimal(9, 2), decimal(18, 18), decimal(38, 10), decimal(65, 30)],
  {
    type: { kind: 'date' },
    values: [-25567, -1, 0, 20454, 65535, 65536, 120529],
    encodings: ['text', 'iso', 'epochDays'],
  },
  ...[0, 1, 3, 6, 9].flatMap((fsp) => [
    moment('datetime', fsp),
    moment('timestamp', fsp),
    time(fsp),
  ]),
  {
    type: { kind: 'date', text: true },
    values: ['0001-01-01', '9999-12-31', '1899-12-31', '2000-02-29', '0400-02-29'],
    encodings: ['text', 'epochDays'],
  },
  {
    type: { kind: 'datetime', fsp: 3, text: true },
    values: ['0001-01-01 00:00:00.000', '9999-12-31 23:59:59.999', '1969-12-31 23:59:59.001'],
    encodings: ['text', 'iso', 'epochMillis', 'epochMicros'],
  },
  {
    type: { kind: 'date', text: true },
    values: ['0000-00-00', '2026-02-31'],
    encodings: ['text'],
  },
  {
    type: { kind: 'time', fsp: 2, text: true },
    values: ['-838:59:59.99', '00:00:00.00', '100:00:00.50'],
    encodings: ['text', 'epochMillis'],
  },
  { type: { kind: 'year' }, values: [0, 1901, 2155], encodings: ['text'] },
  {
    type: { kind: 'bit' },
    values: [0n, 1n, 255n, 256n, 2n ** 63n, 2n ** 64n - 1n],
    encodings: ['text', 'bits'],
  },
  { type: { kind: 'bit' }, values: [0n, 1n], encodings: ['boolean'] },
  { type: { kind: 'string' }, values: texts, encodings: ['text', 'base64'] },
  { type: { kind: 'json' }, values: jsonTexts, encodings: ['text', 'value'] },
  { type: { kind: 'binary' }, values: bytes, encodings: ['base64', 'latin1'] },
  { type: { kind: 'binary' }, values: ['as text'].map(Buffer.from), encodings: ['text'] },
  { type: { kind: 'geometry' }, values: geometries, encodings: ['geometry', 'base64', 'latin1'] },
];

interface Written extends Sample {
  readonly column: Column;
  readonly encoding: ValueEncoding;
}

/** A column for each type and way to write it, once nullable and once not. */
const written: readonly Written[] = samples.flatMap((sample, index) =>
  sample.encodings.flatMap((encoding) =>
    [true, false].map((nullable): Written => {
      const kind = `${sample.type.kind}${fspOf(sample.type)}`;
      const name = `c${index}_${kind}_${encoding}_${nullable ? 'null' : 'not'}`;
      const column = { name, type: sample.type, nullable, sourceType: sample.type.kind };
      return { ...sample, column, encoding };
    }),
  ),
);

const id: Column = {
  name: "i`d'\\.",
  type: { kind: 'int', bits: 64, unsigned: true },
  nullable: false,
  sourceType: 'bigint',
};

function schemaOf(table: string): TableSchema {
  const columns = [id, ...written.map(({ column }) => column)];
  return { table, version: table, columns, key: [id.name] };
}

const rowCount = Math.max(...samples.map(({ values }) => values.length)) + 1;

/** Row n has the n-th value of each column, and the last row NULL wherever it may be. */
const rows: readonly Row[] = Array.from({ length: rowCount }, (_, index) => ({
  values: [
    BigInt(index) * 2n ** 60n,
    ...written.map(({ values, column }) =>
      index === rowCount - 1 && column.nullable
        ? null
        : (values[index % values.length] as RowValue),
    ),
  ],
  version: 1000n + BigInt(index),
  deleted: false,
}));

const layouts: readonly (readonly [string, MessageLayout])[] = [
  ['debezium', { format: 'debezium', version: 'line' }],
  ['debezium with its schema', { format: 'debezium', hasSchemaBlock: true, version: 'line' }],
  ['maxwell', { format: 'maxwell', version: 'line' }],
  ['canal', { format: 'canal', version: 'line' }],
  ['json', { format: 'json', version: 'line' }],
];

describe.each(layouts)('%s messages', (name, layout) => {
  test('give the rows that row bytes give, for every type and every way to write it', async () => {
    const encodings = Object.fromEntries(
      written.map(({ column, encoding }) => [column.name, encoding]),
    );
    const full: MessageLayout = { ...layout, encodings };
    const [expected, found] = [`x.${name} bytes`, `x.${name} messages`];
    for (const table of [expected, found]) {
      const schema = schemaOf(table);
      await ods.applySchema({ kind: 'schema', table, schema, existingRows: 'keep', version: 1n });
    }
    const schema = schemaOf(expected);
    const bytesLoad = { schema, rowCount, chunks: [encodeRows(schema, rows)], token: expected };
    await ods.write(bytesLoad);
    const objects = rows.map(({ values }) => {
      const fields = schema.columns.map((column, index) => {
        const encoding = written[index - 1]?.encoding ?? 'text';
        return `${JSON.stringify(column.name)}:${writeValue(column.type, values[index] ?? null, encoding)}`;
      });
      return `{${fields.join(',')}}`;
    });
    const chunks = linesOf(
      objects.map((object) => messagesOf(full, { after: object })),
      rows.map(({ version }) => version),
    );
    const letters = await ods.writeMessages({
      schema: schemaOf(found),
      rowCount,
      chunks,
      layout: full,
      token: found,
    });
    expect(letters.map(({ reason }) => reason)).toEqual([]);
    expect(await differences(expected, found)).toEqual([]);
    expect(await countOf(found)).toBe(rowCount);
  });
});

async function countOf(table: string): Promise<number> {
  const [row] = await server.engine.rows<{ n: string }>(
    `SELECT count() AS n FROM _ods.${quoteIdentifier(table)}`,
  );
  return Number(row?.n);
}

/** Columns and rows in which two tables differ, their own columns included. */
async function differences(left: string, right: string): Promise<unknown[]> {
  const [first, second] = [left, right].map((table) => `_ods.${quoteIdentifier(table)}`);
  const columns = await server.engine.rows<{ name: string }>(
    `SELECT name FROM system.columns WHERE database = '_ods' AND table = {left:String}`,
    { params: { left } },
  );
  const found: unknown[] = [];
  for (const { name } of columns) {
    const column = quoteIdentifier(name);
    const key = quoteIdentifier(id.name);
    found.push(
      ...(await server.engine.rows(
        `SELECT l.${key} AS id, {name:String} AS name, left(toString(l.${column}), 60) AS l, left(toString(r.${column}), 60) AS r
         FROM ${first} AS l FULL JOIN ${second} AS r ON l.${key} = r.${key}
         WHERE hex(ifNull(toString(l.${column}), 'N')) != hex(ifNull(toString(r.${column}), 'N'))`,
        { params: { name } },
      )),
    );
  }
  return found;
}
