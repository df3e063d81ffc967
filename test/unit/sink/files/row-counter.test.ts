import { expect, test } from 'vitest';
import { RowCounter } from '../../../../src/sink/files/row-counter.ts';

function rowsIn(text: string, hasQuotes: boolean, size: number): number {
  const counter = new RowCounter({ hasQuotes });
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) counter.count(bytes.subarray(at, at + size));
  expect(counter.bytes).toBe(bytes.length);
  return counter.rows;
}

test.each([1, 2, 3, 1000])('rows are counted however they are cut, by %i bytes', (size) => {
  expect(rowsIn('{"a":"x\\"y\\n"}\n{"a":"\\""}\n', false, size)).toBe(2);
  expect(rowsIn('1,"a\nb","say ""hi\n"""\n2,"","\n"\n3,x,\\N\n', true, size)).toBe(3);
});
