import { describe, expect, test } from 'vitest';
import type { ColumnType } from '../../../src/change/table-schema.ts';
import { clickhouseType, isWidening } from '../../../src/engine/column-type.ts';

const types: readonly (readonly [ColumnType, string])[] = [
  [{ kind: 'int', bits: 8, unsigned: false }, 'Int8'],
  [{ kind: 'int', bits: 64, unsigned: true }, 'UInt64'],
  [{ kind: 'float', bits: 32 }, 'Float32'],
  [{ kind: 'float', bits: 64 }, 'Float64'],
  [{ kind: 'decimal', precision: 65, scale: 30 }, 'Decimal(65, 30)'],
  [{ kind: 'date' }, 'Date32'],
  [{ kind: 'date', text: true }, 'String'],
  [{ kind: 'datetime', fsp: 0 }, "DateTime64(0, 'UTC')"],
  [{ kind: 'datetime', fsp: 6, text: true }, 'String'],
  [{ kind: 'timestamp', fsp: 3 }, "DateTime64(3, 'UTC')"],
  [{ kind: 'time', fsp: 6 }, 'Time64(6)'],
  [{ kind: 'time', fsp: 6, text: true }, 'String'],
  [{ kind: 'year' }, 'UInt16'],
  [{ kind: 'bit' }, 'UInt64'],
  [{ kind: 'string' }, 'String'],
  [{ kind: 'json' }, 'String'],
  [{ kind: 'binary' }, 'String'],
  [{ kind: 'geometry' }, 'String'],
];

test.each(types)('%j is %s in ClickHouse', (type, expected) => {
  expect(clickhouseType({ type, nullable: false })).toBe(expected);
  expect(clickhouseType({ type, nullable: true })).toBe(`Nullable(${expected})`);
});

describe('a type is widened', () => {
  test.each([
    ['Int8', 'Int16'],
    ['UInt8', 'UInt64'],
    ['UInt32', 'Int64'],
    ['Float32', 'Float64'],
    ['Decimal(10, 2)', 'Decimal(12, 2)'],
    ['Decimal(10, 2)', 'Decimal(12, 4)'],
    ["DateTime64(0, 'UTC')", "DateTime64(6, 'UTC')"],
    ['Time64(0)', 'Time64(3)'],
    ['Int8', 'Nullable(Int8)'],
    ['Int8', 'Nullable(Int32)'],
    ['Nullable(Int8)', 'Nullable(Int32)'],
    ['String', 'String'],
  ])('from %s to %s', (from, to) => {
    expect(isWidening(from, to)).toBe(true);
  });
});

describe('a type is not widened', () => {
  test.each([
    ['Int16', 'Int8', 'values may not fit'],
    ['Int32', 'UInt32', 'negative values have no place'],
    ['UInt32', 'Int32', 'large values have no place'],
    ['Nullable(Int8)', 'Int8', 'NULL has no place'],
    ['Decimal(10, 2)', 'Decimal(11, 4)', 'fewer digits before the point'],
    ['Decimal(10, 2)', 'Decimal(10, 1)', 'digits are cut'],
    ['Float64', 'Float32', 'digits are cut'],
    ["DateTime64(6, 'UTC')", "DateTime64(0, 'UTC')", 'the fraction is cut'],
    ['Int64', 'Float64', 'above 2^53 not exact'],
    ['Int32', 'String', 'the text is the source’s, not ours'],
    ['Date32', "DateTime64(0, 'UTC')", 'not the same value'],
  ])('from %s to %s: %s', (from, to) => {
    expect(isWidening(from, to)).toBe(false);
  });
});
