import { describe, expect, test } from 'vitest';
import type { ColumnType } from '../../../../src/change/table-schema.ts';
import { dorisTypes } from '../../../../src/sink/doris/type-map.ts';
import type { SinkColumn } from '../../../../src/sink/sink-table.ts';

const options = {
  flavour: 'doris',
  json: 'string',
  binary: 'hex',
  maxStringBytes: 1_048_576,
} as const;

function column(type: ColumnType, more: Partial<SinkColumn> = {}): SinkColumn {
  return { name: 'c', type, nullable: true, isKey: false, engineType: '', ...more };
}

describe('columns in Doris', () => {
  test.each<{ type: ColumnType; source?: string; stored: string; isKey?: true }>([
    { type: { kind: 'int', bits: 8, unsigned: false }, stored: 'TINYINT' },
    { type: { kind: 'int', bits: 8, unsigned: true }, stored: 'SMALLINT' },
    { type: { kind: 'int', bits: 32, unsigned: true }, stored: 'BIGINT' },
    { type: { kind: 'int', bits: 64, unsigned: false }, stored: 'BIGINT' },
    { type: { kind: 'int', bits: 64, unsigned: true }, stored: 'LARGEINT' },
    { type: { kind: 'decimal', precision: 38, scale: 10 }, stored: 'DECIMAL(38, 10)' },
    { type: { kind: 'decimal', precision: 65, scale: 30 }, stored: 'VARCHAR(68)' },
    { type: { kind: 'date' }, stored: 'DATE' },
    { type: { kind: 'date', text: true }, stored: 'STRING' },
    { type: { kind: 'datetime', fsp: 0 }, stored: 'DATETIME' },
    { type: { kind: 'timestamp', fsp: 6 }, stored: 'DATETIME(6)' },
    { type: { kind: 'time', fsp: 6 }, stored: 'VARCHAR(20)' },
    { type: { kind: 'year' }, stored: 'SMALLINT' },
    { type: { kind: 'bit' }, source: 'bit(1)', stored: 'BOOLEAN' },
    { type: { kind: 'bit' }, source: 'bit(63)', stored: 'BIGINT' },
    { type: { kind: 'bit' }, source: 'bit(64)', stored: 'LARGEINT' },
    { type: { kind: 'string' }, source: 'varchar(20)', stored: 'VARCHAR(80)' },
    { type: { kind: 'string' }, source: 'varchar(16383)', stored: 'VARCHAR(65532)' },
    { type: { kind: 'string' }, source: 'varchar(16384)', stored: 'STRING' },
    { type: { kind: 'string' }, source: 'char(0)', stored: 'VARCHAR(1)' },
    { type: { kind: 'string' }, source: 'text', stored: 'STRING' },
    { type: { kind: 'string' }, source: 'text', stored: 'VARCHAR(65533)', isKey: true },
    { type: { kind: 'json' }, stored: 'STRING' },
    { type: { kind: 'binary' }, source: 'binary(16)', stored: 'VARCHAR(65533)', isKey: true },
    { type: { kind: 'geometry' }, stored: 'STRING' },
  ])('$source $type.kind is $stored', ({ type, source, stored, isKey = false }) => {
    const sourceType = source === undefined ? {} : { sourceType: source };
    expect(dorisTypes(options).stored(column(type, { isKey, ...sourceType })).type).toBe(stored);
  });

  test('refuse what is longer than the store takes, in bytes', () => {
    const { refuses } = dorisTypes(options).stored(
      column({ kind: 'string' }, { sourceType: 'varchar(20)' }),
    );
    expect(refuses?.when('x')).toBe('length(x) > 80');
    const blob = dorisTypes({ ...options, maxStringBytes: 1000 }).stored(
      column({ kind: 'binary' }),
    );
    expect(blob.refuses?.when('x')).toBe('length(x) > 500');
    const base64 = dorisTypes({ ...options, binary: 'base64', maxStringBytes: 1000 });
    expect(base64.stored(column({ kind: 'binary' })).refuses?.when('x')).toBe('length(x) > 750');
  });

  test('are compared for NULL only where the store rewrites documents', () => {
    const { type, canonical } = dorisTypes({ ...options, json: 'json' }).stored(
      column({ kind: 'json' }),
    );
    expect(type).toBe('JSON');
    expect(canonical?.store?.('`c`')).toBe("CASE WHEN `c` IS NULL THEN NULL ELSE '' END");
  });

  test('have no scale of seconds in StarRocks', () => {
    const types = dorisTypes({ ...options, flavour: 'starrocks' });
    expect(types.stored(column({ kind: 'datetime', fsp: 6 })).type).toBe('DATETIME');
  });
});
