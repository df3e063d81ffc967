import { describe, expect, test } from 'vitest';
import { decodeRows, encodeRows, type RowValue } from '../../../src/change/row-codec.ts';
import type { ColumnType, TableSchema } from '../../../src/change/table-schema.ts';

function schemaOf(type: ColumnType, nullable = false): TableSchema {
  const column = { name: 'c', type, nullable, sourceType: '' };
  return { table: 'a.b', version: 'v', columns: [column], key: ['c'] };
}

interface Case {
  readonly type: ColumnType;
  readonly value: RowValue;
  readonly hex: string;
}

// The bytes are those of the table in change/table-schema.ts, written out by hand.
const cases: readonly Case[] = [
  { type: { kind: 'int', bits: 8, unsigned: false }, value: -2, hex: 'fe' },
  { type: { kind: 'int', bits: 16, unsigned: true }, value: 65_534, hex: 'feff' },
  { type: { kind: 'int', bits: 32, unsigned: false }, value: -2, hex: 'feffffff' },
  {
    type: { kind: 'int', bits: 64, unsigned: true },
    value: 2n ** 64n - 2n,
    hex: 'feffffffffffffff',
  },
  { type: { kind: 'float', bits: 32 }, value: 1.5, hex: '0000c03f' },
  { type: { kind: 'float', bits: 64 }, value: -1.5, hex: '000000000000f8bf' },
  { type: { kind: 'decimal', precision: 9, scale: 2 }, value: -150n, hex: '6affffff' },
  { type: { kind: 'decimal', precision: 18, scale: 2 }, value: 150n, hex: '9600000000000000' },
  { type: { kind: 'decimal', precision: 38, scale: 0 }, value: -1n, hex: 'ff'.repeat(16) },
  { type: { kind: 'decimal', precision: 65, scale: 30 }, value: 1n, hex: `01${'00'.repeat(31)}` },
  { type: { kind: 'date' }, value: -1, hex: 'ffffffff' },
  { type: { kind: 'date', text: true }, value: '0000-00-00', hex: `0a${hexOf('0000-00-00')}` },
  { type: { kind: 'datetime', fsp: 3 }, value: -1n, hex: 'ffffffffffffffff' },
  { type: { kind: 'timestamp', fsp: 0 }, value: 1n, hex: '0100000000000000' },
  { type: { kind: 'time', fsp: 6 }, value: 256n, hex: '0001000000000000' },
  { type: { kind: 'year' }, value: 2026, hex: 'ea07' },
  { type: { kind: 'bit' }, value: 5n, hex: '0500000000000000' },
  { type: { kind: 'string' }, value: 'ü', hex: '02c3bc' },
  { type: { kind: 'string' }, value: 'x'.repeat(200), hex: `c801${hexOf('x'.repeat(200))}` },
  { type: { kind: 'json' }, value: '{}', hex: '027b7d' },
  { type: { kind: 'binary' }, value: Buffer.from('ff00', 'hex'), hex: '02ff00' },
  { type: { kind: 'geometry' }, value: Buffer.from('01', 'hex'), hex: '0101' },
];

describe('the row codec', () => {
  test.each(cases)('writes and reads $type as the table of types says', ({ type, value, hex }) => {
    const row = { values: [value], version: 258n, deleted: true };
    const bytes = encodeRows(schemaOf(type), [row]);
    expect(bytes.toString('hex')).toBe(`${hex}020100000000000001`);
    expect(decodeRows(schemaOf(type), bytes)).toEqual([row]);
    const nullable = schemaOf(type, true);
    expect(encodeRows(nullable, [row]).toString('hex')).toBe(`00${hex}020100000000000001`);
    const rows = [row, { values: [null], version: 1n, deleted: false }, row];
    expect(decodeRows(nullable, encodeRows(nullable, rows))).toEqual(rows);
  });

  test('tells a row before an update from one that is there and one that is deleted', () => {
    const schema = schemaOf({ kind: 'year' });
    const rows = [
      { values: [1], version: 1n, deleted: false, isBefore: true as const },
      { values: [2], version: 2n, deleted: false },
      { values: [3], version: 3n, deleted: true },
    ];
    const bytes = encodeRows(schema, rows);
    expect([bytes[10], bytes[21], bytes[32]]).toEqual([2, 0, 1]);
    expect(decodeRows(schema, bytes)).toEqual(rows);
  });

  test('refuses a NULL that has no place', () => {
    const row = { values: [null], version: 1n, deleted: false };
    expect(() => encodeRows(schemaOf({ kind: 'string' }), [row])).toThrow(/not nullable/);
  });

  test('refuses bytes that end inside a value', () => {
    const schema = schemaOf({ kind: 'string' });
    const bytes = encodeRows(schema, [{ values: ['abc'], version: 1n, deleted: false }]);
    expect(() => decodeRows(schema, bytes.subarray(0, 3))).toThrow(RangeError);
  });
});

function hexOf(text: string): string {
  return Buffer.from(text).toString('hex');
}
