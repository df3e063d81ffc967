import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  parseOffsets,
  partitionKey,
  renderOffsets,
  splitPartitionKey,
  sumOffsets,
} from '../../../src/change/offset-vector.ts';
import { hasReached, type Position } from '../../../src/change/position.ts';

const vectors = fc
  .array(fc.tuple(fc.stringMatching(/^[A-Za-z0-9._-]{1,20}$/), fc.nat(99), fc.maxSafeNat()))
  .map((parts) => new Map(parts.map(([topic, id, at]) => [partitionKey(topic, id), at])));

test('offsets come back from their text, whatever order they were put in', () => {
  fc.assert(
    fc.property(vectors, (offsets) => {
      const text = renderOffsets(offsets);
      expect(parseOffsets(text)).toEqual(offsets);
      expect(renderOffsets(new Map([...offsets].reverse()))).toBe(text);
    }),
  );
});

test.each(['0-1-5', '3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5', 'a=1', 'a:1=x', '-'])(
  'the GTID text %s is no vector of offsets',
  (text) => {
    expect(parseOffsets(text)).toBeUndefined();
  },
);

test('a partition is named by its topic, dots and all', () => {
  expect(splitPartitionKey(partitionKey('db.shop.orders', 12))).toEqual({
    topic: 'db.shop.orders',
    partition: 12,
  });
});

function at(offsets: Readonly<Record<string, number>>, epoch = 0): Position {
  const vector = new Map(Object.entries(offsets));
  const offset = sumOffsets(vector);
  return { epoch, file: 'kafka.000000', offset, gtid: renderOffsets(vector), serverId: 'c' };
}

test.each([
  {
    name: 'every partition is there',
    read: { 'a:0': 5, 'a:1': 5 },
    end: { 'a:0': 5, 'a:1': 4 },
    is: true,
  },
  {
    name: 'one is behind, although the sum is larger',
    read: { 'a:0': 9, 'a:1': 3 },
    end: { 'a:0': 5, 'a:1': 4 },
    is: false,
  },
  {
    name: 'a partition is not read yet',
    read: { 'a:0': 5 },
    end: { 'a:0': 5, 'a:1': 1 },
    is: false,
  },
  {
    name: 'an empty partition is not read yet',
    read: { 'a:0': 5 },
    end: { 'a:0': 5, 'a:1': 0 },
    is: true,
  },
])('whether an end is reached when $name', ({ read, end, is }) => {
  expect(hasReached(at(read), at(end))).toBe(is);
});

test('another epoch decides before any offset, and places of a binlog are compared as ever', () => {
  expect(hasReached(at({ 'a:0': 1 }, 1), at({ 'a:0': 9 }))).toBe(true);
  const binlog = (offset: number): Position => ({
    epoch: 0,
    file: 'b.000002',
    offset,
    serverId: 's',
  });
  expect([hasReached(binlog(4), binlog(4)), hasReached(binlog(4), binlog(5))]).toEqual([
    true,
    false,
  ]);
});
