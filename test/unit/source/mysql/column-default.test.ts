import { describe, expect, test } from 'vitest';
import type { Column, ColumnType } from '../../../../src/change/table-schema.ts';
import { addedColumnDefault } from '../../../../src/source/mysql/schema/column-default.ts';

const int: ColumnType = { kind: 'int', bits: 32, unsigned: false };
const string: ColumnType = { kind: 'string' };
const datetime: ColumnType = { kind: 'datetime', fsp: 0 };

function column(type: ColumnType, sourceType: string, nullable = true): Column {
  return { name: 'c', type, sourceType, nullable };
}

interface Case {
  readonly name: string;
  readonly column: Column;
  /** COLUMN_DEFAULT as each server gives it for the same definition. */
  readonly mysql: string | null;
  readonly mariadb: string | null;
  readonly extra?: string;
  readonly expected: string | undefined;
}

const cases: Case[] = [
  {
    name: 'nullable without default',
    column: column(int, 'int'),
    mysql: null,
    mariadb: 'NULL',
    expected: 'NULL',
  },
  { name: 'number', column: column(int, 'int'), mysql: '-5', mariadb: '-5', expected: '-5' },
  {
    name: 'quoted number',
    column: column({ kind: 'decimal', precision: 5, scale: 2 }, 'decimal(5,2)'),
    mysql: '1.50',
    mariadb: '1.50',
    expected: '1.50',
  },
  {
    name: 'text',
    column: column(string, 'varchar(9)'),
    mysql: "it's a \\",
    mariadb: "'it\\'s a \\\\'",
    expected: "'it\\'s a \\\\'",
  },
  {
    name: 'text with doubled quotes',
    column: column(string, 'varchar(9)'),
    mysql: "it's",
    mariadb: "'it''s'",
    expected: "'it\\'s'",
  },
  {
    name: 'the text NULL',
    column: column(string, 'varchar(9)'),
    mysql: 'NULL',
    mariadb: "'NULL'",
    expected: "'NULL'",
  },
  {
    name: 'NOT NULL number without default',
    column: column(int, 'int', false),
    mysql: null,
    mariadb: null,
    expected: '0',
  },
  {
    name: 'NOT NULL text without default',
    column: column(string, 'text', false),
    mysql: null,
    mariadb: null,
    expected: "''",
  },
  {
    name: 'NOT NULL enum without default',
    column: column(string, "enum('b','a')", false),
    mysql: null,
    mariadb: null,
    expected: "'b'",
  },
  {
    name: 'NOT NULL date without default',
    column: column({ kind: 'date' }, 'date', false),
    mysql: null,
    mariadb: null,
    expected: undefined,
  },
  {
    name: 'date',
    column: column(datetime, 'datetime'),
    mysql: '2024-01-02 03:04:05',
    mariadb: "'2024-01-02 03:04:05'",
    expected: "'2024-01-02 03:04:05'",
  },
  {
    name: 'now',
    column: column(datetime, 'datetime'),
    mysql: 'CURRENT_TIMESTAMP',
    mariadb: 'current_timestamp()',
    extra: 'DEFAULT_GENERATED',
    expected: undefined,
  },
  {
    name: 'old zero date',
    column: column(datetime, 'datetime', false),
    mysql: '0000-00-00 00:00:00',
    mariadb: "'0000-00-00 00:00:00'",
    expected: undefined,
  },
  {
    name: 'bits',
    column: column({ kind: 'bit' }, 'bit(4)'),
    mysql: "b'101'",
    mariadb: "b'101'",
    expected: '5',
  },
  {
    name: 'counter',
    column: column(int, 'int', false),
    mysql: null,
    mariadb: null,
    extra: 'auto_increment',
    expected: undefined,
  },
  {
    name: 'generated',
    column: column(int, 'int'),
    mysql: null,
    mariadb: null,
    extra: 'STORED GENERATED',
    expected: undefined,
  },
  {
    name: 'binary',
    column: column({ kind: 'binary' }, 'varbinary(3)'),
    mysql: '0x00',
    mariadb: "'\\0'",
    expected: undefined,
  },
];

describe.each(['mysql', 'mariadb'] as const)('default of an added column on %s', (flavour) => {
  test.each(cases)('$name', (given) => {
    const row = { columnDefault: given[flavour], extra: given.extra ?? '' };
    expect(addedColumnDefault(given.column, row, flavour)).toBe(given.expected);
  });
});

test('a MariaDB expression is not certain', () => {
  const row = { columnDefault: '(1 + 1)', extra: '' };
  expect(addedColumnDefault(column(int, 'int'), row, 'mariadb')).toBeUndefined();
});
