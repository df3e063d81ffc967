import { expect, test } from 'vitest';
import { TopicTail } from '../../../../src/sink/kafka/topic-tail.ts';

function record(version: string | undefined, value: Buffer | null = Buffer.from('{}')) {
  const headers = version === undefined ? {} : { version: Buffer.from(version) };
  return { offset: 1, timestampMs: 0, key: Buffer.from('{"id":1}'), value, headers };
}

test('a tail knows a message by key, version and whether it is a tombstone', () => {
  const tail = new TopicTail();
  expect(tail.isEmpty).toBe(true);
  tail.add(record(String(2n ** 62n + 5n)));
  const key = Buffer.from('{"id":1}');
  const high = 2 ** 30;
  expect(tail.has(key, high, 5, false)).toBe(true);
  expect(tail.has(key, high, 5, true)).toBe(false);
  expect(tail.has(key, high, 6, false)).toBe(false);
  expect(tail.has(Buffer.from('{"id":2}'), high, 5, false)).toBe(false);
  tail.add(record(String(2n ** 62n + 5n), null));
  expect(tail.has(key, high, 5, true)).toBe(true);
  tail.clear();
  expect(tail.has(key, high, 5, false)).toBe(false);
});

test('a message without a version of ours is in no tail', () => {
  const tail = new TopicTail();
  tail.add(record(undefined));
  tail.add(record('7; DROP'));
  expect(tail.isEmpty).toBe(true);
});
