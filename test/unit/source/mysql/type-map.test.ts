import { describe, expect, test } from 'vitest';
import type { Column, ColumnType } from '../../../../src/change/table-schema.ts';
import {
  type ColumnRow,
  columnOf,
  columnTypeOf,
  schemaVersion,
} from '../../../../src/source/mysql/type-map.ts';

function row(columnType: string, more: Partial<ColumnRow> = {}): ColumnRow {
  const dataType = /^\w+/.exec(columnType)?.[0] ?? '';
  return {
    name: 'c',
    dataType,
    columnType,
    nullable: true,
    precision: 0,
    scale: 0,
    fsp: 0,
    comment: '',
    ...more,
  };
}

const cases: [ColumnRow, ColumnType][] = [
  [row('tinyint(1)'), { kind: 'int', bits: 8, unsigned: false }],
  [row('int(10) unsigned zerofill'), { kind: 'int', bits: 32, unsigned: true }],
  [row('mediumint'), { kind: 'int', bits: 32, unsigned: false }],
  [row('bigint unsigned'), { kind: 'int', bits: 64, unsigned: true }],
  [row('float(7,3)'), { kind: 'float', bits: 32 }],
  [row('double unsigned'), { kind: 'float', bits: 64 }],
  [row('decimal(10,2)', { precision: 10, scale: 2 }), { kind: 'decimal', precision: 10, scale: 2 }],
  [row('bit(3)'), { kind: 'bit' }],
  [row('year(4)'), { kind: 'year' }],
  [row('date'), { kind: 'date' }],
  [row('timestamp(3)', { fsp: 3 }), { kind: 'timestamp', fsp: 3 }],
  [row('time'), { kind: 'time', fsp: 0 }],
  [row("enum('bit','int unsigned')"), { kind: 'string' }],
  [row('uuid'), { kind: 'string' }],
  [row('json'), { kind: 'json' }],
  [row('longtext'), { kind: 'string' }],
  [row('varbinary(3)'), { kind: 'binary' }],
  [row('geomcollection'), { kind: 'geometry' }],
];

describe('columnTypeOf', () => {
  test.each(cases)('%o', (input, expected) => {
    expect(columnTypeOf(input, 'native')).toEqual(expected);
  });

  test('text keeps dates and times as the server prints them, and nothing else', () => {
    expect(columnTypeOf(row('datetime(6)', { fsp: 6 }), 'text')).toEqual({
      kind: 'datetime',
      fsp: 6,
      text: true,
    });
    expect(columnTypeOf(row('date'), 'text')).toEqual({ kind: 'date', text: true });
    expect(columnTypeOf(row('year'), 'text')).toEqual({ kind: 'year' });
  });

  test('an unknown type names table and column', () => {
    expect(columnTypeOf(row('vector(3)'), 'native')).toBeUndefined();
    expect(() => columnOf('shop.t', row('vector(3)'), 'native')).toThrow(
      expect.objectContaining({
        code: 'CDC_TYPE_UNSUPPORTED',
        details: { table: 'shop.t', column: 'c', type: 'vector(3)' },
      }),
    );
  });
});

describe('schemaVersion', () => {
  const id: Column = { name: 'id', type: { kind: 'year' }, nullable: false, sourceType: 'year' };
  const name: Column = { name: 'n', type: { kind: 'string' }, nullable: true, sourceType: 'text' };
  const version = schemaVersion([id, name], ['id']);

  test('stays for what does not change row bytes', () => {
    expect(schemaVersion([id, { ...name, sourceType: 'varchar(9)', comment: 'x' }], ['id'])).toBe(
      version,
    );
    expect(version).toMatch(/^[\da-f]{12}$/);
  });

  test.each([
    ['order', [name, id], ['id']],
    ['name', [id, { ...name, name: 'm' }], ['id']],
    ['type', [id, { ...name, type: { kind: 'binary' } as const }], ['id']],
    ['nullability', [id, { ...name, nullable: false }], ['id']],
    ['key', [id, name], ['n']],
  ] satisfies [string, Column[], string[]][])('changes with %s', (_what, columns, key) => {
    expect(schemaVersion(columns, key)).not.toBe(version);
  });
});
