import { describe, expect, test } from 'vitest';
import { MessageLines } from '../../../src/change/message-line.ts';
import {
  type DeadLetter,
  deadLetterId,
  lineOf,
  parseLine,
  shortReason,
} from '../../../src/load/dead-letters.ts';

const message = Buffer.from([123, 34, 255, 0, 34, 58, 49, 125]);

function written(queue: string, reason?: string): Buffer {
  const lines = new MessageLines();
  const source = { partition: 3, offset: 2 ** 40, timestampMs: 1_700_000_000_001, value: message };
  lines.add(source, JSON.stringify(queue), 2n ** 62n, 2n ** 61n, reason);
  return lines.take().bytes;
}

describe('parseLine', () => {
  test.each([
    ['a topic', undefined],
    ['"},"m":{"é北京', undefined],
    ['plain', 'no table "x"},"m":é'],
  ])('takes apart what MessageLines wrote for %s, refused for %s', (queue, refusal) => {
    const bytes = written(queue, refusal);
    expect(parseLine(bytes.subarray(0, -1))).toEqual({
      version: String(2n ** 62n),
      arrival: String(2n ** 61n),
      partition: 3,
      offset: String(2 ** 40),
      timestampMs: 1_700_000_000_001,
      queue,
      refusal,
      message,
    });
  });

  test('knows what is no such line', () => {
    expect(parseLine(Buffer.from('{"v":1}'))).toBeUndefined();
  });
});

test('a letter becomes the line it was', () => {
  const parsed = parseLine(written('topic').subarray(0, -1));
  if (parsed === undefined) throw new Error('no line');
  const letter: DeadLetter = {
    ...parsed,
    ...{ id: '1', table: 'a.b', reason: 'x', isUnplaced: false, receivedAtMs: 1 },
    ...{ schemaVersion: '1', layout: { format: 'json', version: 'line' } as const },
  };
  expect(lineOf(letter)).toEqual(written('topic'));
});

test('the id is that of the message and its table', () => {
  const place = { queue: 'q', partition: 1, offset: '2' };
  const id = deadLetterId('a.b', place);
  expect(id).toMatch(/^[0-9a-f]{16}$/);
  expect(deadLetterId('a.b', { ...place })).toBe(id);
  const others = [
    deadLetterId('a.c', place),
    deadLetterId('a.b', { ...place, offset: '3' }),
    deadLetterId('a.b', { ...place, partition: 2 }),
    deadLetterId('a.b', { ...place, queue: 'r' }),
  ];
  expect(new Set([id, ...others]).size).toBe(5);
});

test.each([
  [
    "Code: 27. DB::Exception: Cannot parse input: expected '{' before: '[1]': (while reading the value of nested key after): (at row 1)\n: \nRow 1:\nColumn 0",
    "Cannot parse input: expected '{' before: '[1]': (while reading the value of nested key after)",
  ],
  [
    "the engine refused the statement: Cannot parse input: expected 'null' before: 'x}': (while reading the value of nested key m). ",
    "Cannot parse input: expected 'null' before: 'x}'",
  ],
  ['anything else', 'anything else'],
])('%s is for people: %s', (engine, people) => {
  expect(shortReason(engine)).toBe(people);
});
