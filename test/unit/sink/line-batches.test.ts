import fc from 'fast-check';
import { expect, test } from 'vitest';
import { halves, lineBatches } from '../../../src/sink/line-batches.ts';

async function batchesOf(
  chunks: readonly Buffer[],
  limits: { rows: number; bytes: number },
): Promise<{ text: string; rowCount: number }[]> {
  const source = (async function* () {
    yield* chunks;
  })();
  const found = [];
  for await (const { body, rowCount } of lineBatches(source, limits)) {
    found.push({ text: Buffer.concat(body).toString(), rowCount });
  }
  return found;
}

test('batches are whole lines in order, within their limits, however the chunks are cut', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.stringMatching(/^[a-z]{0,9}$/), { maxLength: 60 }),
      fc.array(fc.nat({ max: 300 }), { maxLength: 12 }),
      fc.integer({ min: 1, max: 9 }),
      fc.integer({ min: 1, max: 60 }),
      async (lines, cuts, rows, bytes) => {
        const whole = Buffer.from(lines.map((line) => `${line}\n`).join(''));
        const places = [0, ...cuts.map((cut) => Math.min(cut, whole.length)), whole.length];
        places.sort((left, right) => left - right);
        const chunks = places.slice(1).map((end, at) => whole.subarray(places[at], end));
        const found = await batchesOf(chunks, { rows, bytes });
        expect(found.map(({ text }) => text).join('')).toBe(whole.toString());
        for (const { text, rowCount } of found) {
          expect(text.endsWith('\n')).toBe(true);
          expect(text.split('\n').length - 1).toBe(rowCount);
          expect(rowCount).toBeLessThanOrEqual(rows);
          // Only the line that passes the limit may be behind it.
          const last = text.slice(0, -1).lastIndexOf('\n') + 1;
          expect(Buffer.byteLength(text.slice(0, last))).toBeLessThan(Math.max(bytes, 1) + 1);
        }
      },
    ),
    { numRuns: 300 },
  );
});

test.each([
  { rowCount: 2, first: 'a\n', second: 'b\n' },
  { rowCount: 5, first: 'a\nb\n', second: 'c\nd\ne\n' },
])('the halves of $rowCount lines are whole lines', ({ rowCount, first, second }) => {
  const body = [Buffer.from(first.slice(0, 1)), Buffer.from(first.slice(1) + second)];
  const [left, right] = halves({ body, rowCount });
  expect(Buffer.concat(left.body).toString()).toBe(first);
  expect(Buffer.concat(right.body).toString()).toBe(second);
  expect(left.rowCount + right.rowCount).toBe(rowCount);
});
