import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  renderQueryJson,
  renderQueryTable,
  splitLines,
} from '../../../src/cli/presenter/query-result.ts';
import { plainStyle } from '../../../src/cli/presenter/style.ts';

/** The bytes of a text in pieces of a size, so that characters and lines are cut anywhere. */
async function* pieces(text: string, size = 7): AsyncIterable<Buffer> {
  const bytes = Buffer.from(text);
  for (let start = 0; start < bytes.length; start += size)
    yield bytes.subarray(start, start + size);
}

async function textOf(parts: AsyncIterable<string>): Promise<string> {
  return (await collect(parts)).join('');
}

async function collect<T>(parts: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = [];
  for await (const part of parts) collected.push(part);
  return collected;
}

test('a result becomes a table with exact numbers, NULL, wide characters and visible escapes', async () => {
  const engineText =
    'id\tname\tamount\nUInt64\tNullable(String)\tNullable(Decimal(38, 4))\n' +
    '18446744073709551615\t订单\t0.1000\n' +
    "7\ta\\tb\\\\c\\'d\\ne\u001b\t\\N\n";
  expect(await textOf(renderQueryTable(pieces(engineText), plainStyle))).toBe(
    `                  id  name               amount
────────────────────  ─────────────────  ──────
18446744073709551615  订单               0.1000
                   7  a\\tb\\c'd\\ne\\u001b    NULL
2 rows
`,
  );
});

test('an empty result still shows its columns', async () => {
  const text = await textOf(renderQueryTable(pieces('n\nUInt64\n'), plainStyle));
  expect(text).toBe('n\n─\n0 rows\n');
});

test('a statement without a result prints nothing', async () => {
  expect(await textOf(renderQueryTable(pieces(''), plainStyle))).toBe('');
});

test('a large result is streamed, not gathered', async () => {
  let produced = 0;
  async function* endless(): AsyncIterable<Buffer> {
    yield Buffer.from('n\nUInt64\n');
    for (;;) yield Buffer.from(`${produced++}\n`);
  }
  let shown = '';
  for await (const part of renderQueryTable(endless(), plainStyle)) {
    shown += part;
    if (shown.split('\n').length > 2500) break;
  }
  expect(produced).toBeLessThan(5000);
});

test('rows as JSON lines become one array with the same text', async () => {
  const rows = '{"id":"18446744073709551615","名":"x"}\n{"id":1.10}\n';
  expect(await textOf(renderQueryJson(pieces(rows)))).toBe(
    '[{"id":"18446744073709551615","名":"x"},\n{"id":1.10}]\n',
  );
  expect(await textOf(renderQueryJson(pieces('')))).toBe('[]\n');
});

test('lines are the same however the bytes are cut', async () => {
  const line = fc.string({ unit: 'grapheme' }).map((text) => text.replaceAll('\n', ''));
  await fc.assert(
    fc.asyncProperty(fc.array(line), fc.integer({ min: 1, max: 20 }), async (lines, size) => {
      const text = lines.map((one) => `${one}\n`).join('');
      expect(await collect(splitLines(pieces(text, size)))).toEqual(lines);
    }),
  );
});
