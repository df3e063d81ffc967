import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  bodyOf,
  divideLines,
  linesOf,
  numberedBody,
} from '../../../src/load/clickhouse/message-body.ts';

const text = (chunks: readonly Buffer[]) => Buffer.concat(chunks).toString();

/** Chunks of whole lines. */
const chunks = fc
  .array(fc.array(fc.stringMatching(/^[a-z]{0,12}$/), { minLength: 1, maxLength: 5 }))
  .map((all) => all.map((lines) => Buffer.from(lines.map((line) => `${line}\n`).join(''))));

describe('divideLines', () => {
  test('gives all lines in their order, whole, and no more pieces than wanted', () => {
    fc.assert(
      fc.property(chunks, fc.integer({ min: 1, max: 6 }), (all, count) => {
        const pieces = divideLines(all, count);
        expect(text(pieces.flatMap((piece) => piece.chunks))).toBe(text(all));
        expect(pieces.length).toBeLessThanOrEqual(count);
        for (const piece of pieces) {
          expect(text(piece.chunks).endsWith('\n')).toBe(true);
          expect(piece.lineCount).toBe(linesOf(piece.chunks).length);
          expect(piece.lineCount).toBeGreaterThan(0);
        }
      }),
    );
  });

  test('divides one large chunk about evenly', () => {
    const all = [Buffer.from('0123456789\n'.repeat(1_000))];
    const counts = divideLines(all, 4).map(({ lineCount }) => lineCount);
    expect(counts).toEqual([250, 250, 250, 250]);
  });
});

test('bodies are the lines themselves, or each of them twice', () => {
  const lines = [Buffer.from('a\nb\n'), Buffer.from('c\n')];
  expect(bodyOf(lines, false)).toBe(lines);
  expect(text(bodyOf(lines, true))).toBe('a\ta\nb\tb\nc\tc\n');
});

test('numbered lines may have a guard behind each', () => {
  const lines = [Buffer.from('a'), Buffer.from('b')];
  expect(text(numberedBody(lines, { isTwice: false, isGuarded: false }))).toBe('0\ta\n1\tb\n');
  expect(text(numberedBody(lines, { isTwice: true, isGuarded: true }))).toBe(
    '0\ta\ta\n"x"x\n1\tb\tb\n"x"x\n',
  );
});
