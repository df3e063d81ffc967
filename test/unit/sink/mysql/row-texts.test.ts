import { describe, expect, test } from 'vitest';
import { type RowShape, rowTexts } from '../../../../src/sink/mysql/row-texts.ts';

const shape: RowShape = { valueCount: 5, binary: new Set(), key: [0], keepsDeleted: false };
const limit = 1_000_000;

function read(lines: readonly string[], given: Partial<RowShape> = {}, bytes = limit) {
  const { rows, deleted } = rowTexts(
    lines.map((line) => Buffer.from(`${line}\n`)),
    { ...shape, ...given },
    bytes,
  );
  const text = (wire: string) => Buffer.from(wire, 'latin1').toString();
  return { rows: rows.map(text), deleted: deleted.map((values) => values.map(text)) };
}

describe('lines as SQL', () => {
  test.each([
    { name: 'numbers and NULL', line: '[1, -2.50, null, 17, 0]', sql: '(1,-2.50,null,17)' },
    { name: 'text', line: '[1, "学 é😀", "", 17, 0]', sql: '(1,"学 é😀","",17)' },
    {
      name: 'punctuation of JSON in text',
      line: '[1, "a, b] [c", "\\"(\\", \\\\", 17, 0]',
      sql: '(1,"a, b] [c","\\"(\\", \\\\",17)',
    },
    {
      name: 'escapes that both have',
      line: '[1, "a\\tb\\nc\\rd\\be", "\'", 17, 0]',
      sql: '(1,"a\\tb\\nc\\rd\\be","\'",17)',
    },
    {
      name: 'escapes that only JSON has',
      line: '[1, "\\f\\/\\u0000\\u001A\\u000B", "\\u2028\\\\u0041", 17, 0]',
      sql: '(1,"\f/\\0\u001a\u000b","\u2028\\\\u0041",17)',
    },
  ])('keep $name', ({ line, sql }) => {
    expect(read([line])).toEqual({ rows: [sql], deleted: [] });
  });

  test('give bytes as hexadecimal literals', () => {
    const lines = ['["", "00ff", null, 17, 0]', '["ab", "", "cd", 18, 0]'];
    const binary = new Set([0, 1]);
    expect(read(lines, { binary }).rows).toEqual([`(X'',X'00ff',null,17),(X'ab',X'',"cd",18)`]);
  });

  test('leave deleted rows out, and tell their keys and versions', () => {
    const lines = ['[1, "a", "b", 17, 0]', '[2, "x", null, 18, 1]', '[3, "c", null, 19, 0]'];
    expect(read(lines, { key: [1, 0] })).toEqual({
      rows: ['(1,"a","b",17),(3,"c",null,19)'],
      deleted: [['"x"', '2', '18']],
    });
  });

  test('keep deleted rows where they are wanted', () => {
    const lines = ['[1, "a", "b", 17, 0]', '[2, null, null, 18, 1]'];
    expect(read(lines, { keepsDeleted: true })).toEqual({
      rows: ['(1,"a","b",17,0),(2,null,null,18,1)'],
      deleted: [],
    });
  });

  test('are cut between rows when they grow too long', () => {
    const line = (id: number) => `[${id}, "${'x'.repeat(20)}", null, 17, 0]`;
    const row = (id: number) => `(${id},"${'x'.repeat(20)}",null,17)`;
    const two = row(1).length * 2 + 2;
    expect(read([1, 2, 3, 4, 5].map(line), {}, two).rows).toEqual([
      `${row(1)},${row(2)}`,
      `${row(3)},${row(4)}`,
      row(5),
    ]);
    expect(read([1, 2].map(line), {}, 1).rows).toEqual([row(1), row(2)]);
  });

  test('of nothing are nothing', () => {
    expect(rowTexts([], shape, limit)).toEqual({ rows: [], deleted: [] });
  });

  test('are refused when they have other columns', () => {
    expect(() => read(['[1, 2, 17, 0]'])).toThrow('other columns');
    expect(() => read(['{"id": 1}'])).toThrow('not a JSON array');
    expect(() => read(['[1, "never ends'])).toThrow('ends in a string');
  });
});
