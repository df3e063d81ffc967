import { expect, test } from 'vitest';
import { renderColumnWords } from '../../../../src/change/column-words.ts';
import { parseColumnWords } from '../../../../src/source/kafka/column-words.ts';

test.each([
  { words: 'bigint(20) unsigned', type: { kind: 'int', bits: 64, unsigned: true } },
  { words: 'int(10) unsigned zerofill', type: { kind: 'int', bits: 32, unsigned: true } },
  { words: 'INTEGER', type: { kind: 'int', bits: 32, unsigned: false } },
  { words: 'boolean', type: { kind: 'int', bits: 8, unsigned: false } },
  { words: 'decimal(10,2)', type: { kind: 'decimal', precision: 10, scale: 2 } },
  { words: 'decimal', type: { kind: 'decimal', precision: 10, scale: 0 } },
  { words: 'datetime(6)', type: { kind: 'datetime', fsp: 6 } },
  { words: 'timestamp', type: { kind: 'timestamp', fsp: 0 } },
  { words: "enum('a)','b')", type: { kind: 'string' } },
  { words: 'varchar(64) character set utf8mb4', type: { kind: 'string' } },
  { words: 'double', type: { kind: 'float', bits: 64 } },
  { words: 'json', type: { kind: 'json' } },
])('$words is a column type', ({ words, type }) => {
  expect(parseColumnWords(words)).toEqual(type);
});

test.each([
  { words: 'vector(3)', why: 'cannot be represented' },
  { words: 'decimal(80,2)', why: 'has too many digits' },
  { words: 'datetime(12)', why: 'has too many digits of a second' },
  { words: 'int null', why: 'says more than a type' },
  { words: '', why: 'says nothing' },
])('"$words" is no column type, because it $why', ({ words }) => {
  expect(parseColumnWords(words)).toBeUndefined();
});

test('words made from a type mean that type', () => {
  const all = [
    'tinyint',
    'bigint unsigned',
    'decimal(38,9)',
    'time(3)',
    'date',
    'year',
    'blob',
    'bit(64)',
    'geometry',
    'text',
    'json',
    'float',
    'double',
  ];
  for (const words of all) {
    const type = parseColumnWords(words);
    if (type === undefined) throw new Error(words);
    expect(renderColumnWords(type)).toBe(words);
  }
});
