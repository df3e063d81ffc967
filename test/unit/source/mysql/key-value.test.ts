import { describe, expect, test } from 'vitest';
import type { ColumnType } from '../../../../src/change/table-schema.ts';
import type { ColumnDescription } from '../../../../src/source/mysql/schema/schema-reader.ts';
import {
  type KeyColumn,
  keyLiteral,
  keyText,
} from '../../../../src/source/mysql/snapshot/key-value.ts';

function key(type: ColumnType, columnType: string, charset = '', collation = ''): KeyColumn {
  const description: ColumnDescription = {
    ...{ name: 'k', dataType: /^\w+/.exec(columnType)?.[0] ?? '', columnType, nullable: false },
    ...{
      precision: 0,
      scale: 0,
      fsp: 0,
      comment: '',
      columnDefault: null,
      extra: '',
      charset,
      collation,
    },
  };
  return { type, description };
}

const string: ColumnType = { kind: 'string' };
const int: ColumnType = { kind: 'int', bits: 64, unsigned: true };
const latin = key(string, 'varchar(9)', 'latin1', 'latin1_swedish_ci');

describe('key literals', () => {
  test.each([
    {
      name: 'number',
      column: key(int, 'bigint unsigned'),
      wire: '18446744073709551615',
      literal: '18446744073709551615',
    },
    {
      name: 'double',
      column: key({ kind: 'float', bits: 64 }, 'double'),
      wire: '0.1',
      literal: '0.1e0',
    },
    {
      name: 'double with exponent',
      column: key({ kind: 'float', bits: 64 }, 'double'),
      wire: '-1e-7',
      literal: '-1e-7',
    },
    {
      name: 'date',
      column: key({ kind: 'date' }, 'date'),
      wire: '0000-00-00',
      literal: `'0000-00-00'`,
    },
    {
      name: 'time',
      column: key({ kind: 'time', fsp: 1 }, 'time(1)'),
      wire: '-01:00:00.5',
      literal: `'-01:00:00.5'`,
    },
    {
      name: 'text',
      column: latin,
      wire: `a'\\`,
      literal: `CONVERT(_utf8mb4 X'61275c' USING latin1) COLLATE latin1_swedish_ci`,
    },
    {
      name: 'empty text',
      column: latin,
      wire: '',
      literal: `CONVERT(_utf8mb4 X'' USING latin1) COLLATE latin1_swedish_ci`,
    },
    {
      name: 'binary',
      column: key({ kind: 'binary' }, 'binary(2)'),
      wire: '\0\xff',
      literal: `X'00ff'`,
    },
    {
      name: 'enum by number',
      column: key(string, `enum('b','a,c','it''s')`),
      wire: `it's`,
      literal: '3',
    },
    { name: 'empty enum', column: key(string, `enum('b')`), wire: '', literal: '0' },
    { name: 'set by bits', column: key(string, `set('x','y','z')`), wire: 'x,z', literal: '5' },
    {
      name: 'uuid',
      column: key(string, 'uuid'),
      wire: '01234567-89ab-cdef-0123-456789abcdef',
      literal: `'01234567-89ab-cdef-0123-456789abcdef'`,
    },
  ])('$name', ({ column, wire, literal }) => {
    expect(keyLiteral(column, keyText(column, Buffer.from(wire, 'latin1')))).toBe(literal);
  });

  test.each([
    [key(int, 'int'), '1 OR 1=1'],
    [key({ kind: 'date' }, 'date'), `2024-01-01' OR '1`],
    [latin, `61') OR 1=1`],
    [key(string, 'uuid'), Buffer.from(`x' OR '1`).toString('hex')],
    [key({ kind: 'binary' }, 'blob'), `'`],
    [key(string, 'varchar(1)', 'latin1', 'x; DROP'), '61'],
  ])('text that cannot come from the server is refused', (column, text) => {
    expect(() => keyLiteral(column, text)).toThrow(
      expect.objectContaining({ code: 'CDC_INTERNAL' }),
    );
  });
});
