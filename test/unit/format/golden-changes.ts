import type { SchemaSection, Section, TruncateSection } from '../../../src/change/change-batch.ts';
import { encodeRows, type Row, type RowValue } from '../../../src/change/row-codec.ts';
import type { Column, ColumnType, TableSchema } from '../../../src/change/table-schema.ts';
import type { ChangeFormat, ChangePlace } from '../../../src/format/change-format.ts';
import { ByteWriter } from '../../../src/lib/byte-writer.ts';

/** Name, source type, type, lowest and highest value; every column may be NULL. */
type Case = readonly [string, string, ColumnType, RowValue, RowValue];

const int = (bits: 8 | 16 | 32 | 64, unsigned = false): ColumnType => ({
  kind: 'int',
  bits,
  unsigned,
});
const decimal = (precision: number, scale: number): ColumnType => ({
  kind: 'decimal',
  precision,
  scale,
});
const point = (srid: number, x: number, y: number): Buffer => {
  const bytes = Buffer.alloc(25);
  bytes.writeInt32LE(srid, 0);
  bytes[4] = 1;
  bytes.writeInt32LE(1, 5);
  bytes.writeDoubleLE(x, 9);
  return Buffer.concat([bytes.subarray(0, 17), doubleOf(y)]);
};

function doubleOf(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return bytes;
}

const everyByte = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
const escapes = `"quoted" back\\slash / \b\t\n\f\r\u0000\u001f\u007f <é 中文 😀 \u2028>`;

const cases: readonly Case[] = [
  ['i8', 'tinyint', int(8), -128, 127],
  ['flag', 'tinyint(1)', int(8), 0, 2],
  ['u8', 'tinyint unsigned', int(8, true), 0, 255],
  ['i16', 'smallint', int(16), -32_768, 32_767],
  ['u16', 'smallint unsigned', int(16, true), 9, 65_535],
  ['i24', 'mediumint', int(32), -8_388_608, 8_388_607],
  ['i32', 'int', int(32), -2_147_483_648, 2_147_483_647],
  ['u32', 'int unsigned', int(32, true), 99, 4_294_967_295],
  ['i64', 'bigint', int(64), -(2n ** 63n), 2n ** 63n - 1n],
  ['u64', 'bigint unsigned', int(64, true), 9_007_199_254_740_993n, 2n ** 64n - 1n],
  ['f32', 'float', { kind: 'float', bits: 32 }, Math.fround(-3.4e38), Math.fround(1.1)],
  ['f64', 'double', { kind: 'float', bits: 64 }, -0, 1.7976931348623157e308],
  ['f64_b', 'double', { kind: 'float', bits: 64 }, 5e-324, 123_456_789.25],
  ['d9', 'decimal(9,2)', decimal(9, 2), -1n, 999_999_999n],
  ['d15', 'decimal(15,0)', decimal(15, 0), 0n, 999_999_999_999_999n],
  ['d18', 'decimal(18,6)', decimal(18, 6), -(10n ** 18n) + 1n, 1n],
  ['d38', 'decimal(38,18)', decimal(38, 18), -(10n ** 38n) + 1n, 10n ** 37n],
  ['d65', 'decimal(65,30)', decimal(65, 30), 0n, 10n ** 65n - 1n],
  ['b1', 'bit(1)', { kind: 'bit' }, 0n, 1n],
  ['b12', 'bit(12)', { kind: 'bit' }, 1n, 4095n],
  ['b64', 'bit(64)', { kind: 'bit' }, 0n, 2n ** 64n - 1n],
  ['y', 'year(4)', { kind: 'year' }, 0, 2155],
  ['d', 'date', { kind: 'date' }, -25_567, 120_529],
  ['d_text', 'date', { kind: 'date', text: true }, '0000-00-00', '9999-12-31'],
  ['dt', 'datetime', { kind: 'datetime', fsp: 0 }, -2_208_988_800n, 10_413_791_999n],
  ['dt3', 'datetime(3)', { kind: 'datetime', fsp: 3 }, -1n, 1_700_000_000_123n],
  ['dt4', 'datetime(4)', { kind: 'datetime', fsp: 4 }, 0n, 104_137_919_999_999n],
  ['dt6', 'datetime(6)', { kind: 'datetime', fsp: 6 }, -1n, 10_413_791_999_999_999n],
  ['ts', 'timestamp', { kind: 'timestamp', fsp: 0 }, 1n, 2_147_483_647n],
  ['ts6', 'timestamp(6)', { kind: 'timestamp', fsp: 6 }, 1n, 1_700_000_000_500_000n],
  ['t', 'time', { kind: 'time', fsp: 0 }, -3_020_399n, 3_020_399n],
  ['t6', 'time(6)', { kind: 'time', fsp: 6 }, -1n, 45_296_123_456n],
  ['v', 'varchar(300)', { kind: 'string' }, '', escapes],
  ['e', "enum('a','b,c','it''s')", { kind: 'string' }, 'b,c', "it's"],
  ['s', "set('x','y')", { kind: 'string' }, '', 'x,y'],
  ['j', 'json', { kind: 'json' }, '[]', '{"a": [1, "\\"x\\"", null], "é": 1.50}'],
  ['bi', 'binary(4)', { kind: 'binary' }, Buffer.alloc(4), Buffer.from('ff00ff00', 'hex')],
  ['bl', 'blob', { kind: 'binary' }, Buffer.alloc(0), everyByte],
  ['p', 'point', { kind: 'geometry' }, point(0, 1, -2.5), point(4326, 2, 1e22)],
  ['g', 'geometry', { kind: 'geometry' }, point(0, 0, 0), point(3857, 1, 1)],
];

export const everyType: TableSchema = {
  table: 'shop.every_type',
  version: 'types',
  columns: [
    { name: 'id', type: int(32), nullable: false, sourceType: 'int' },
    ...cases.map(
      ([name, sourceType, type]): Column => ({ name, type, nullable: true, sourceType }),
    ),
  ],
  key: ['id'],
};

/** Lowest values, highest values, NULLs. */
export const everyTypeRows: readonly Row[] = [
  row([1, ...cases.map((some) => some[3])]),
  row([2, ...cases.map((some) => some[4])]),
  row([3, ...cases.map(() => null)]),
];

export const orders: TableSchema = {
  table: 'shop.or"ders',
  version: 'one',
  columns: [
    { name: 'Id', type: int(64, true), nullable: false, sourceType: 'bigint unsigned' },
    { name: 'region', type: { kind: 'string' }, nullable: false, sourceType: 'varchar(10)' },
    { name: 'price "net"', type: decimal(10, 2), nullable: true, sourceType: 'decimal(10,2)' },
    { name: 'ödön', type: { kind: 'string' }, nullable: true, sourceType: "enum('a','b')" },
  ],
  key: ['region', 'Id'],
};

const next: TableSchema = {
  ...orders,
  version: 'two',
  columns: [
    ...orders.columns,
    {
      ...{ name: 'at', nullable: true, sourceType: 'datetime(3)', comment: 'when' },
      type: { kind: 'datetime', fsp: 3 },
    },
  ],
  comment: 'orders of the shop',
};

/** Insert, update, change of the key (delete and insert), delete. */
export const orderRows: readonly Row[] = [
  row([1n, 'north', 1250n, null]),
  { ...row([1n, 'north', 1250n, null]), isBefore: true },
  row([1n, 'north', -5n, 'a']),
  { ...row([1n, 'north', -5n, 'a']), deleted: true },
  row([1n, 'so"uth', -5n, 'a']),
  { ...row([2n ** 64n - 1n, '', null, null]), deleted: true },
];

function row(values: RowValue[]): Row {
  return { values, version: (42n << 36n) + (1n << 32n) + 7n, deleted: false };
}

const version = (42n << 36n) + 1234n;
const create: SchemaSection = {
  ...{ kind: 'schema', table: orders.table, schema: orders, existingRows: 'keep', version },
};
const alter: SchemaSection = {
  ...create,
  schema: next,
  ddl: "ALTER TABLE `or\"ders` ADD at datetime(3) COMMENT 'when'",
};
const truncate: TruncateSection = { kind: 'truncate', table: orders.table, version };
/** Sections with the schema known before each. */
export const barriers: readonly (readonly [Section, TableSchema | undefined])[] = [
  [create, undefined],
  [alter, orders],
  [{ ...truncate, ddl: 'TRUNCATE TABLE `or"ders`' }, next],
  [truncate, next],
  [{ ...truncate, ddl: 'DROP TABLE `or"ders`' }, next],
  [{ ...truncate, ddl: 'TRUNCATE TABLE orders_7', only: { column: 'shard', value: '7' } }, next],
  [{ kind: 'sweep', table: orders.table, version }, next],
];

export const stream: ChangePlace = {
  origin: 'stream',
  fileBase: 'mysql-bin.',
  fileDigits: 6,
  receivedAtMs: 1_767_225_612_345,
  mark: { end: 1n << 62n, id: '0-1-7', committedAtMs: 1_767_225_612_000 },
};
export const streamWithoutGtid: ChangePlace = {
  ...stream,
  mark: { ...stream.mark, id: 'mysql-bin.000042:4' },
};
export const snapshot: ChangePlace = { ...streamWithoutGtid, origin: 'snapshot' };

/** A line for each message, its bytes as they are. */
export function renderChanges(
  format: ChangeFormat,
  schema: TableSchema,
  rows: readonly Row[],
  place: ChangePlace,
  orders?: readonly [number, number],
): string[] {
  const encoder = format.encoder(schema);
  const bytes = encodeRows(schema, rows);
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    at = encoder.read(bytes, at);
    const writer = new ByteWriter();
    encoder.writeKey(writer);
    const key = writer.take();
    encoder.writeValue(writer, place, ...(orders ?? []));
    lines.push(`{"key":${key},"value":${writer.take()}}`);
  }
  return lines;
}

export function renderEvents(format: ChangeFormat): string[] {
  return barriers.flatMap(([section, known]) =>
    format
      .events(section, known, stream)
      .map(({ to, key, value }) => `{"to":"${to}","key":${key},"value":${value}}`),
  );
}
