/** What is recorded: one table with every type, keys of several kinds, and the events that are not rows. */
export const database = 'recorded';

type Flavour = 'mysql' | 'mariadb';

const columns: readonly (readonly [name: string, type: string, ...values: string[]])[] = [
  ['i8', 'tinyint', '-128', '127'],
  ['flag', 'tinyint(1)', '1', '0'],
  ['u8', 'tinyint unsigned', '255', '0'],
  ['i16', 'smallint', '-32768', '32767'],
  ['u16', 'smallint unsigned', '65535', '1'],
  ['i24', 'mediumint', '-8388608', '8388607'],
  ['u24', 'mediumint unsigned', '16777215', '2'],
  ['i32', 'int', '-2147483648', '2147483647'],
  ['u32', 'int unsigned', '4294967295', '3'],
  ['i64', 'bigint', '-9223372036854775808', '9223372036854775807'],
  ['u64', 'bigint unsigned', '9223372036854775807', '18446744073709551615'],
  ['f32', 'float', '1.1', '-3.4e38'],
  ['f64', 'double', '0.1', '-1.7976931348623157e308'],
  ['f64b', 'double', '100', '1e22'],
  ['d5', 'decimal(5,0)', '-99999', '0'],
  ['d9', 'decimal(9,2)', '12.50', '-0.01'],
  ['d18', 'decimal(18,6)', '999999999999.999999', '-123456789.123456'],
  ['d38', 'decimal(38,18)', '-99999999999999999999.999999999999999999', '0'],
  ['d65', 'decimal(65,30)', `-${'9'.repeat(35)}.${'9'.repeat(30)}`, '1e-30'],
  ['b1', 'bit(1)', "b'1'", "b'0'"],
  ['b12', 'bit(12)', "b'101010101010'", "b'1'"],
  ['b64', 'bit(64)', `b'${'1'.repeat(64)}'`, `b'1${'0'.repeat(63)}'`],
  ['y', 'year', '2024', '1901'],
  ['d', 'date', "'2024-02-29'", "'1900-01-01'"],
  ['dt', 'datetime', "'2024-02-29 12:34:56'", "'1969-12-31 23:59:59'"],
  ['dt3', 'datetime(3)', "'2024-02-29 12:34:56.789'", "'1969-12-31 23:59:59.999'"],
  ['dt4', 'datetime(4)', "'2024-02-29 12:34:56.7891'", "'2299-12-31 23:59:59.9999'"],
  ['dt6', 'datetime(6)', "'2024-02-29 12:34:56.789123'", "'1900-01-01 00:00:00.000001'"],
  ['ts', 'timestamp NULL', "'1970-01-01 00:00:01'", "'2038-01-19 03:14:07'"],
  ['ts3', 'timestamp(3) NULL', "'2024-03-31 02:30:00.120'", "'2024-03-31 02:30:00'"],
  ['ts6', 'timestamp(6) NULL', "'2024-03-31 02:30:00.000001'", "'2024-03-31 02:30:00.5'"],
  ['t', 'time', "'-838:59:59'", "'12:34:56'"],
  ['t3', 'time(3)', "'-00:00:00.001'", "'838:59:59'"],
  ['t6', 'time(6)', "'100:00:00.500000'", "'-00:00:00.000001'"],
  ['c', 'char(10)', "'héllo'", "''"],
  ['v', 'varchar(300)', `'"q" \\\\ / \\n\\t\\r\\0\\Z <&> \u007f'`, "'𝄞 中文 \u2028'"],
  ['latin', 'varchar(20) character set latin1', "'é€'", "'a'"],
  ['tx', 'text', "'text'", "'{}'"],
  ['e', "enum('a','b,c','é')", "'b,c'", "'é'"],
  ['s', "set('x','y','z w')", "'x,z w'", "''"],
  ['bi', 'binary(4)', "x'01'", "x'FF00FF00'"],
  ['vb', 'varbinary(10)', "x'00FF0A0D5C'", "''"],
  ['bl', 'blob', "x'FEFCFB'", "''"],
  ['j', 'json', `'{"b": 1.5, "a": [1, "x", null, true], "é": "\\\\u00e9\\\\n"}'`, `'[]'`],
  ['p', 'point', "ST_GeomFromText('POINT(1 2)')", "ST_GeomFromText('POINT(1 2)', 4326)"],
  ['g', 'geometry', "ST_GeomFromText('LINESTRING(0 0,1 1)')", 'NULL'],
];

const names = ['id', ...columns.map(([name]) => name), 'last'];

function insertTypes(id: number, value: number | 'null'): string {
  const values = columns.map(([, , ...texts]) => (value === 'null' ? 'NULL' : texts[value]));
  return `INSERT INTO types (${names}) VALUES (${id}, ${values.join(', ')}, DEFAULT)`;
}

/** Before the snapshot. */
export const preparation: readonly string[] = [
  `CREATE TABLE types (id int PRIMARY KEY, ${columns.map(([name, type]) => `${name} ${type}`).join(', ')},
    last varchar(10) NOT NULL DEFAULT 'last')`,
  `CREATE TABLE keyed (a varchar(20), b int, at datetime(3) NOT NULL, price decimal(10,2) NOT NULL DEFAULT 1.50,
    PRIMARY KEY (b, a)) COMMENT 'two'`,
  'CREATE TABLE emptied (a int PRIMARY KEY, b varchar(10))',
  insertTypes(1, 0),
  "INSERT INTO keyed VALUES ('snap', 1, '2024-01-01', 1)",
];

/** In the stream; an array is a transaction. */
export function changes(flavour: Flavour): readonly (string | readonly string[])[] {
  return [
    insertTypes(2, 0),
    insertTypes(3, 1),
    insertTypes(4, 'null'),
    "UPDATE types SET v = 'changed', d9 = NULL WHERE id = 2",
    'DELETE FROM types WHERE id = 3',
    [
      `INSERT INTO keyed VALUES ('x', 2, '2024-05-06 07:08:09.123', 12.5), ('y "z"', 2, '1969-01-01', -0.05)`,
      "INSERT INTO emptied VALUES (1, 'one'), (2, 'two')",
      "UPDATE keyed SET price = 99 WHERE a = 'x'",
    ],
    "UPDATE keyed SET a = 'moved' WHERE a = 'x'",
    'UPDATE emptied SET b = NULL WHERE a = 1',
    'DELETE FROM emptied WHERE a = 1',
    'TRUNCATE TABLE emptied',
    "ALTER TABLE keyed ADD COLUMN c int NULL DEFAULT 7 COMMENT 'added', MODIFY at datetime(6) NOT NULL",
    "INSERT INTO keyed VALUES ('after', 3, '2024-05-06 07:08:09.123456', 1, NULL)",
    `CREATE TABLE made (id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, e enum('a','b') NOT NULL${
      flavour === 'mariadb' ? ', u uuid' : ''
    })`,
    "INSERT INTO made (e) VALUES ('b')",
    'DROP TABLE made',
    'CREATE TABLE done (id int PRIMARY KEY)',
    'INSERT INTO done VALUES (1)',
  ];
}
