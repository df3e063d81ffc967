import { expect, test } from 'vitest';
import { murmur2, partitionOf } from '../../../src/kafka/murmur2.ts';
import { kafkajsMurmur2 } from './kafkajs-protocol.ts';

/** From UtilsTest.testMurmur2 of Apache Kafka's clients. */
const vectors = [
  { key: '21', hash: -973932308 },
  { key: 'foobar', hash: -790332482 },
  { key: 'a-little-bit-long-string', hash: -985981536 },
  { key: 'a-little-bit-longer-string', hash: -1486304829 },
  { key: 'lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', hash: -58897971 },
  { key: 'abc', hash: 479470107 },
];

test.each(vectors)('murmur2 of $key is what Java gives', ({ key, hash }) => {
  expect(murmur2(Buffer.from(key))).toBe(hash);
});

test.each(vectors)(
  'the partition of $key is the same in the middle of a buffer',
  ({ key, hash }) => {
    const around = Buffer.from(`before${key}after`);
    expect(partitionOf(around, 7, 6, 6 + key.length)).toBe((hash & 0x7fffffff) % 7);
  },
);

test('bytes above 127 are hashed as unsigned, as kafkajs does', () => {
  const key = Buffer.from(Array.from({ length: 251 }, (_, i) => 255 - i));
  for (let length = 0; length < key.length; length++) {
    const part = key.subarray(0, length);
    expect(murmur2(part)).toBe(kafkajsMurmur2(part));
  }
});
