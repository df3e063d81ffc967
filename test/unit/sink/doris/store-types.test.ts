import { describe, expect, test } from 'vitest';
import { compareTypes, parseStoreType } from '../../../../src/sink/doris/store-types.ts';

describe('types of the store', () => {
  test.each([
    ['bigint(20)', 'bigint', []],
    ['DECIMALV3(10, 2)', 'decimal', [10, 2]],
    ['datetimev2(6)', 'datetime', [6]],
    ['tinyint(1)', 'boolean', []],
    ['varchar(65533)', 'string', []],
    ['varchar(80)', 'varchar', [80]],
    ['text', 'string', []],
    ['array<int>', 'array', []],
  ])('%s is understood in the words of every version', (text, name, parameters) => {
    expect(parseStoreType(text)).toEqual({ name, parameters });
  });

  test.each([
    ['int', 'INT', 'same'],
    ['int', 'BIGINT', 'wider'],
    ['largeint', 'BIGINT', 'same'],
    ['bigint', 'DATE', 'no'],
    ['varchar(80)', 'VARCHAR(800)', 'wider'],
    ['varchar(800)', 'VARCHAR(80)', 'same'],
    ['varchar(80)', 'STRING', 'wider'],
    ['char(10)', 'VARCHAR(40)', 'wider'],
    ['string', 'VARCHAR(80)', 'same'],
    ['decimal(10, 2)', 'DECIMAL(18, 2)', 'wider'],
    ['decimal(18, 2)', 'DECIMAL(10, 2)', 'same'],
    ['decimal(10, 2)', 'DECIMAL(10, 4)', 'no'],
    ['float', 'DOUBLE', 'wider'],
    ['datetime(6)', 'DATETIME(3)', 'same'],
    ['datetime', 'DATETIME(3)', 'wider'],
    ['boolean', 'BIGINT', 'no'],
  ] as const)('%s holds %s: %s', (stored, wanted, answer) => {
    expect(compareTypes(stored, wanted)).toBe(answer);
  });
});
