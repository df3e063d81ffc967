import { describe, expect, test } from 'vitest';
import type { ColumnType } from '../../../../src/change/table-schema.ts';
import type { LakeType } from '../../../../src/sink/lake/table-format.ts';
import {
  engineTypeOf,
  isLakeWidening,
  type LakeFormatName,
  lakeTypes,
} from '../../../../src/sink/lake/type-map.ts';

function stored(type: ColumnType, format: LakeFormatName = 'delta', nullable = true) {
  const column = { name: 'c', type, nullable, isKey: false, engineType: '' };
  const { type: name, render } = lakeTypes(format).stored(column);
  return { name, value: render?.('`c`') };
}

const int = (bits: 8 | 16 | 32 | 64, unsigned: boolean) =>
  ({ kind: 'int', bits, unsigned }) as const;

describe('types in a lake', () => {
  test.each([
    { type: int(8, false), delta: 'byte', iceberg: 'int' },
    { type: int(8, true), delta: 'short', iceberg: 'int' },
    { type: int(32, true), delta: 'long', iceberg: 'long' },
    { type: int(64, true), delta: 'decimal(20,0)', iceberg: 'decimal(20, 0)' },
    { type: { kind: 'bit' }, delta: 'decimal(20,0)', iceberg: 'decimal(20, 0)' },
    {
      type: { kind: 'decimal', precision: 38, scale: 3 },
      delta: 'decimal(38,3)',
      iceberg: 'decimal(38, 3)',
    },
    { type: { kind: 'decimal', precision: 39, scale: 3 }, delta: 'string', iceberg: 'string' },
    { type: { kind: 'datetime', fsp: 0 }, delta: 'timestamp_ntz', iceberg: 'timestamp' },
    { type: { kind: 'timestamp', fsp: 3 }, delta: 'timestamp', iceberg: 'timestamptz' },
    { type: { kind: 'datetime', fsp: 0, text: true }, delta: 'string', iceberg: 'string' },
    { type: { kind: 'time', fsp: 3 }, delta: 'string', iceberg: 'string' },
    { type: { kind: 'geometry' }, delta: 'binary', iceberg: 'binary' },
  ] as { type: ColumnType; delta: string; iceberg: string }[])(
    '$type is $delta in Delta and $iceberg in Iceberg',
    ({ type, delta, iceberg }) => {
      expect(stored(type).name).toBe(delta);
      expect(stored(type, 'iceberg').name).toBe(iceberg);
    },
  );

  test('an unsigned number keeps its NULL as a decimal', () => {
    expect(stored(int(64, true)).value).toBe("CAST(`c`, 'Nullable(Decimal(20, 0))')");
    expect(stored(int(64, true), 'delta', false).value).toBe("CAST(`c`, 'Decimal(20, 0)')");
  });

  test.each([
    { from: 'byte', to: 'long', widens: true },
    { from: 'long', to: 'int', widens: false },
    { from: 'float', to: 'double', widens: true },
    { from: 'decimal(10,2)', to: 'decimal(12,4)', widens: true },
    { from: 'decimal(10,2)', to: 'decimal(11,4)', widens: false },
    { from: 'decimal(10,2)', to: 'decimal(12,1)', widens: false },
    { from: 'int', to: 'decimal(20,0)', widens: false },
    { from: 'string', to: 'binary', widens: false },
    { from: 'date', to: 'date', widens: true },
  ] as { from: LakeType; to: LakeType; widens: boolean }[])(
    'that every $from is a $to is $widens',
    ({ from, to, widens }) => {
      expect(isLakeWidening(from, to)).toBe(widens);
    },
  );

  test('decimals of a data file are read with their digits', () => {
    expect(engineTypeOf('decimal(20,4)')).toBe('Decimal(20, 4)');
  });
});
