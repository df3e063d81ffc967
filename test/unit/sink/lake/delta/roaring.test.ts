import { describe, expect, test } from 'vitest';
import { deltaBitmap, engineBitmap } from '../../../../../src/sink/lake/delta/roaring.ts';

/** As the engine writes up to 32 numbers: 0, their count, each as UInt32. */
function smallState(numbers: readonly number[]): Buffer {
  const bytes = Buffer.alloc(2 + 4 * numbers.length);
  bytes[1] = numbers.length;
  for (const [index, number] of numbers.entries()) bytes.writeUInt32LE(number, 2 + 4 * index);
  return bytes;
}

/** Made by pyroaring's BitMap.serialize(). */
const portable = [
  { numbers: [999, 0, 5], hex: '3a30000001000000000002001000000000000500e703' },
  {
    numbers: [65537, 200000, 1, 65536],
    hex: '3a30000003000000000000000100010003000000200000002200000026000000010000000100400d',
  },
];
const head = Buffer.concat([
  Buffer.from('d1d33964', 'hex'),
  Buffer.from('010000000000000000000000', 'hex'),
]);

describe('a deletion vector of Delta', () => {
  test.each(portable)('holds $numbers as roaring bitmaps do', ({ numbers, hex }) => {
    const bitmap = deltaBitmap(smallState(numbers));
    expect(bitmap).toEqual(Buffer.concat([head, Buffer.from(hex, 'hex')]));
  });

  test('holds many numbers in the bytes that the engine has for them', () => {
    const bytes = Buffer.alloc(300, 7);
    const state = Buffer.concat([Buffer.from([1, 0xac, 2]), bytes]);
    const bitmap = deltaBitmap(state);
    expect(bitmap).toEqual(Buffer.concat([head, bytes]));
    expect(engineBitmap(bitmap)).toEqual(state);
  });

  test.each([
    { name: 'another magic number', at: 0 },
    { name: 'more than one part', at: 4 },
    { name: 'row numbers from 2^32 on', at: 12 },
  ])('with $name is refused', ({ at }) => {
    const bitmap = deltaBitmap(smallState([1]));
    bitmap[at] = 9;
    expect(() => engineBitmap(bitmap)).toThrow('a form that is not known');
  });
});
