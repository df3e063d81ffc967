import { describe, expect, test } from 'vitest';
import {
  compress,
  compressionId,
  compressionOf,
  compressions,
  decompress,
} from '../../../src/kafka/compression.ts';

const codecs = compressions.filter((compression) => compression !== 'none');
const text = Buffer.from('{"id":1,"name":"Wuhan"}'.repeat(40));

/** What others write, by `zstd -3`, `lz4 -B4 -BI`, `lz4 -BD`; Snappy by hand, after its format description. */
const foreign = [
  {
    name: 'a zstd frame that does not say its size',
    compression: 'zstd',
    bytes: '28b52ffd0058f50000b87b226964223a312c226e616d65223a22577568616e227d0100fd6a359b',
    expected: text,
  },
  {
    name: 'a zstd frame with checksum',
    compression: 'zstd',
    bytes: '28b52ffd0458f50000b87b226964223a312c226e616d65223a22577568616e227d0100fd6a359ba448c8b3',
    expected: text,
  },
  {
    name: 'an LZ4 frame of small blocks',
    compression: 'lz4',
    bytes:
      '04224d1860408225000000ff087b226964223a312c226e616d65223a22577568616e227d1700ffffff6c5068616e227d00000000',
    expected: text,
  },
  {
    name: 'an LZ4 frame of linked blocks with checksum',
    compression: 'lz4',
    bytes:
      '04224d186440a725000000ff087b226964223a312c226e616d65223a22577568616e227d1700ffffff6c5068616e227d00000000dac920e8',
    expected: text,
  },
  {
    name: 'Snappy without a frame',
    compression: 'snappy',
    bytes: '050c41424344' + '0045',
    expected: Buffer.from('ABCDE'),
  },
  {
    name: 'framed Snappy of three blocks, one of them empty',
    compression: 'snappy',
    bytes:
      '82534e4150505900' +
      '00000001' +
      '00000001' +
      '00000006' +
      '040c41424344' +
      '00000001' +
      '00' +
      '00000003' +
      '010045',
    expected: Buffer.from('ABCDE'),
  },
] as const;

/** Below and above the size from which another thread does the work. */
const sizes = [0, 1, 1000, 16 * 1024, 16 * 1024 + 1, 3_000_000];

describe.each(codecs)('%s', (compression) => {
  test.each(sizes)(`gives back %i bytes compressed with ${compression}`, async (size) => {
    const bytes = Buffer.alloc(size, text);
    const compressed = await compress(compression, bytes);
    expect((await decompress(compression, compressed)).equals(bytes)).toBe(true);
    if (size >= 1000) expect(compressed.length).toBeLessThan(size / 2);
  });

  test(`${compression} keeps apart many that are compressed at the same time`, async () => {
    const inputs = Array.from({ length: 20 }, (_, i) => Buffer.alloc(20_000 + i, `${i} and `));
    const compressed = await Promise.all(inputs.map((input) => compress(compression, input)));
    const back = await Promise.all(compressed.map((each) => decompress(compression, each)));
    expect(back.every((each, i) => each.equals(inputs[i] as Buffer))).toBe(true);
  });

  test.each([100, 100_000])(`%i bytes that are not ${compression} are an error`, async (size) => {
    const bytes = Buffer.alloc(size, 'not compressed at all. ');
    await expect(async () => decompress(compression, bytes)).rejects.toThrow();
  });
});

test.each(foreign)('$name is read', async ({ compression, bytes, expected }) => {
  const read = await decompress(compression, Buffer.from(bytes, 'hex'));
  expect(read.toString()).toBe(expected.toString());
});

test('a framed Snappy block that is cut off is an error', async () => {
  const compressed = await compress('snappy', text);
  await expect(async () => decompress('snappy', compressed.subarray(0, -1))).rejects.toThrow(
    'cut off',
  );
});

test('the numbers of compressions are Kafka’s', () => {
  expect(compressions.map(compressionId)).toEqual([0, 1, 2, 3, 4]);
  expect(compressionOf(0b11_0011)).toBe('lz4');
  expect(compressionOf(7)).toBeUndefined();
});
