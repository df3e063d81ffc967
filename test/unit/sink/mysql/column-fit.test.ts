import { describe, expect, test } from 'vitest';
import { holds } from '../../../../src/sink/mysql/column-fit.ts';

describe('a column of the store', () => {
  test.each([
    ['int(11)', 'int'],
    ['bigint(20) unsigned', 'bigint unsigned'],
    ['bigint', 'int unsigned'],
    ['tinyint(4)', 'tinyint(1)'],
    ['decimal(20,4)', 'decimal(10,2)'],
    ['double', 'float'],
    ['datetime(6)', 'datetime(3)'],
    ['timestamp(3)', 'timestamp'],
    ['varchar(200)', 'varchar(20)'],
    ['text', 'varchar(16383)'],
    ['longtext', 'mediumtext'],
    ['varbinary(20)', 'binary(16)'],
    ['longblob', 'varbinary(3000)'],
    ["enum('a','b','c')", "enum('a','b')"],
    ['geometry', 'point'],
    ['year(4)', 'year'],
    ['bit(8)', 'bit(1)'],
  ])('of type %s holds %s', (found, wanted) => {
    expect(holds(found, wanted)).toBe(true);
  });

  test.each([
    ['int', 'int unsigned'],
    ['bigint unsigned', 'int'],
    ['decimal(12,2)', 'decimal(12,4)'],
    ['decimal(10,2) unsigned', 'decimal(10,2)'],
    ['float', 'double'],
    ['datetime', 'datetime(6)'],
    ['datetime(6)', 'timestamp(6)'],
    ['varchar(20)', 'varchar(21)'],
    ['text', 'varchar(16384)'],
    ['varchar(16383)', 'text'],
    ['char(20)', 'varchar(20)'],
    ['binary(16)', 'varbinary(16)'],
    ["enum('b','a')", "enum('a','b')"],
    ["enum('a','b1')", "enum('a','b')"],
    ['point', 'geometry'],
    ['longtext', 'int'],
    ['uuid', 'varchar(39)'],
  ])('of type %s does not hold %s', (found, wanted) => {
    expect(holds(found, wanted)).toBe(false);
  });
});
