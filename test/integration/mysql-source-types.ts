import type { ServerFlavour } from '../support/test-server.ts';

export interface TypeCase {
  readonly type: string;
  readonly values: readonly string[];
  readonly only?: 'mysql' | 'mariadb';
  /** What a plain session prints for the column `v`, where CAST(v AS CHAR) is not it. */
  readonly text?: string;
}

/** Not cast to text: MySQL's CAST rounds the largest double up to infinity. */
export const asNumber = 'v * 1e0';
const allCases: readonly TypeCase[] = [
  { type: 'tinyint', values: ['-128', '127', '0'] },
  { type: 'tinyint(1)', values: ['2', '-1'] },
  { type: 'tinyint unsigned', values: ['255'] },
  { type: 'smallint', values: ['-32768', '32767'] },
  { type: 'smallint unsigned', values: ['65535'] },
  { type: 'mediumint', values: ['-8388608', '8388607'] },
  { type: 'mediumint unsigned', values: ['16777215'] },
  { type: 'int', values: ['-2147483648', '2147483647'] },
  { type: 'int(8) unsigned zerofill', values: ['4294967295', '42'], text: 'CAST(v + 0 AS CHAR)' },
  { type: 'bigint', values: ['-9223372036854775808', '9223372036854775807', '-1', '-4294967297'] },
  { type: 'bigint unsigned', values: ['18446744073709551615', '9007199254740993'] },
  {
    type: 'decimal(8,2) unsigned zerofill',
    values: ['1.5'],
    text: 'CAST(v + 0 AS CHAR)',
  },
  {
    type: 'float',
    values: ['1.1', '-0e0', '16777216', '3.4028234e38', '1.17549435e-38'],
    text: asNumber,
  },
  { type: 'float(7,3)', values: ['1234.567', '0.001'], text: asNumber },
  {
    type: 'double',
    values: ['0.1', '-1.7976931348623157e308', '5e-324', '1e22', '123456789.123456789'],
    text: asNumber,
  },
  { type: 'double(10,2)', values: ['0.07', '12345678.91'], text: asNumber },
  { type: 'decimal(9,2)', values: ['-9999999.99', '0.05', '-0.01'] },
  { type: 'decimal(18,6)', values: ['999999999999.999999', '-123456789.123456', '-0.000001'] },
  { type: 'decimal(38,18)', values: ['-99999999999999999999.999999999999999999', '0'] },
  { type: 'decimal(65,30)', values: [`-${'9'.repeat(35)}.${'9'.repeat(30)}`, '1e-30'] },
  { type: 'decimal(5,0)', values: ['-99999'] },
  { type: 'decimal(4,4)', values: ['-0.9999'] },
  { type: 'bit(1)', values: ["b'1'"], text: 'CAST(v + 0 AS CHAR)' },
  { type: 'bit(12)', values: ["b'101010101010'"], text: 'CAST(v + 0 AS CHAR)' },
  {
    type: 'bit(64)',
    values: [`b'${'1'.repeat(64)}'`, `b'1${'0'.repeat(63)}'`],
    text: 'CAST(v + 0 AS CHAR)',
  },
  { type: 'year', values: ['0', '1901', '2155'] },
  { type: 'date', values: ["'1900-01-01'", "'2299-12-31'", "'2024-02-29'", "'1969-12-31'"] },
  { type: 'datetime', values: ["'1900-01-01 00:00:00'", "'2299-12-31 23:59:59'"] },
  { type: 'datetime(1)', values: ["'1969-12-31 23:59:59.9'"] },
  { type: 'datetime(6)', values: ["'2299-12-31 23:59:59.999999'", "'1900-01-01 00:00:00.000001'"] },
  { type: 'timestamp null', values: ["'1970-01-01 00:00:01'", "'2038-01-19 03:14:07'"] },
  { type: 'timestamp(3) null', values: ["'2024-03-31 02:30:00.123'"] },
  { type: 'time', values: ["'-838:59:59'", "'838:59:59'", "'00:00:00'"] },
  { type: 'time(6)', values: ["'-00:00:00.000001'", "'100:00:00.500000'"] },
  { type: 'char(10)', values: ["'a  '", "''", "'héllo'"] },
  { type: 'varchar(300)', values: ["'trailing  '", `'${'x'.repeat(300)}'`, "'a\\tb\\nc\\\\d'"] },
  { type: 'varchar(20) character set latin1', values: ["'é€'", "_latin1 x'818D8F909D'"] },
  { type: 'varchar(20) character set gbk', values: ["'汉字'"] },
  { type: 'varchar(20) character set utf16', values: ["'𝄞é'"] },
  { type: 'text', values: [`repeat('😀', 16000)`, "''"] },
  { type: 'longtext', values: [`repeat('ab', 200000)`] },
  { type: "enum('a','b,c','it''s','é')", values: ["'b,c'", "'it''s'", "'é'"] },
  { type: "set('x','y','z w')", values: ["'x,z w'", "''"] },
  { type: 'binary(4)', values: ["x'01'", "x'FF00FF00'"], text: 'LOWER(HEX(v))' },
  { type: 'varbinary(10)', values: ["x'00FF0A0D5C'", "''"], text: 'LOWER(HEX(v))' },
  { type: 'blob', values: ["repeat(x'FE', 300)", "repeat(x'FC', 70000)"], text: 'LOWER(HEX(v))' },
  { type: 'json', values: [`'{"b": 1.0, "a": [1, "x", null], "n": 12345678901234567890}'`] },
  {
    type: 'point',
    values: ["ST_GeomFromText('POINT(1 2)', 4326)", "ST_GeomFromText('POINT(1 2)')"],
    text: 'LOWER(HEX(v))',
  },
  { type: 'geometry', values: ["ST_GeomFromText('LINESTRING(0 0,1 1)')"], text: 'LOWER(HEX(v))' },
  { type: 'uuid', only: 'mariadb', values: ["'01234567-89ab-cdef-0123-456789abcdef'"] },
  { type: 'inet6', only: 'mariadb', values: ["'::ffff:1.2.3.4'", "'2001:db8::1'"] },
];

/** Every type that a server has, with the values at its edges. */
export function typeCases(flavour: ServerFlavour): TypeCase[] {
  return allCases.filter(({ only }) => only === undefined || only === flavour);
}
