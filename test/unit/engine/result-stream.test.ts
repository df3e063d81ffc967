import { ClickHouseError } from '@clickhouse/client';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readResult } from '../../../src/engine/result-stream.ts';

const tag = 'abcdefghijklmnop';

function withException(rows: Buffer, message: string): Buffer {
  const text = Buffer.from(message);
  return Buffer.concat([
    rows,
    Buffer.from(`\r\n__exception__\r\n${tag}\r\n`),
    text,
    Buffer.from(`${text.length} ${tag}\r\n__exception__\r\n`),
  ]);
}

async function* cut(bytes: Buffer, sizes: readonly number[]): AsyncGenerator<Buffer, void> {
  let start = 0;
  for (const size of sizes) {
    yield bytes.subarray(start, start + size);
    start += size;
  }
  yield bytes.subarray(start);
}

async function collect(chunks: AsyncIterable<Buffer>, exceptionTag: string | undefined) {
  const parts: Buffer[] = [];
  let error: unknown;
  try {
    for await (const part of readResult(chunks, exceptionTag)) parts.push(part);
  } catch (caught) {
    error = caught;
  }
  return { rows: Buffer.concat(parts), error };
}

const anyRows = fc.uint8Array({ maxLength: 100_000 }).map((bytes) => Buffer.from(bytes));
const anySizes = fc.array(fc.integer({ min: 1, max: 30_000 }), { maxLength: 20 });

test('a result comes out as it is, however it was cut', async () => {
  await fc.assert(
    fc.asyncProperty(anyRows, anySizes, async (rows, sizes) => {
      const result = await collect(cut(rows, sizes), tag);
      expect(result.error).toBeUndefined();
      expect(result.rows.equals(rows)).toBe(true);
    }),
  );
});

test('an exception at the end is thrown after the rows, however it was cut', async () => {
  const message = 'Code: 395. DB::Exception: stop at 12: it is é. (FUNCTION_THROW_IF_VALUE)\n';
  await fc.assert(
    fc.asyncProperty(anyRows, anySizes, async (rows, sizes) => {
      const result = await collect(cut(withException(rows, message), sizes), tag);
      expect(result.rows.equals(rows)).toBe(true);
      expect(result.error).toBeInstanceOf(ClickHouseError);
      expect(result.error).toMatchObject({ code: '395', type: 'FUNCTION_THROW_IF_VALUE' });
    }),
  );
});

test('an exception counts, though the transfer broke off after it', async () => {
  async function* broken() {
    yield withException(Buffer.from('1\n'), 'Code: 241. DB::Exception: memory. (MEMORY_LIMIT)');
    throw new Error('aborted');
  }
  const { rows, error } = await collect(broken(), tag);
  expect(rows.toString()).toBe('1\n');
  expect(error).toMatchObject({ code: '241' });
});

test('a transfer that broke off without a word is an error', async () => {
  async function* broken() {
    yield Buffer.from('1\n');
    throw new Error('aborted');
  }
  expect((await collect(broken(), tag)).error).toMatchObject({ message: 'aborted' });
});

test('without the header nothing is taken for an exception', async () => {
  const rows = withException(Buffer.from('x'), 'Code: 1. DB::Exception: y. (ZZZ)');
  expect((await collect(cut(rows, []), undefined)).rows.equals(rows)).toBe(true);
});
