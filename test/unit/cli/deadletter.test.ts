import { expect, test } from 'vitest';
import {
  renderLetter,
  renderLetterReplay,
  renderLetters,
} from '../../../src/cli/presenter/deadletter.ts';
import { plainStyle } from '../../../src/cli/presenter/style.ts';
import type { LetterReport } from '../../../src/pipeline/dead-letters.ts';

const letter: LetterReport = {
  id: '1f0c9a7b5d3e2846',
  table: 'shop.orders',
  queue: 'shop.topic',
  partition: 2,
  offset: '17',
  reason: 'column id: \u001b[31mx is not int',
  messageAt: '2026-01-31T10:00:00.000Z',
  receivedAt: '2026-01-31T10:00:05.000Z',
  bytes: 784,
};
const now = Date.parse('2026-01-31T10:01:10.000Z');

test('dead letters are a table, without what could steer the terminal', () => {
  const text = renderLetters([letter], now, plainStyle);
  expect(text).toContain('1f0c9a7b5d3e2846  shop.orders  shop.topic:2:17  1:05  column id: ');
  expect(text).not.toContain('\u001b');
  expect(renderLetters([], now, plainStyle)).toBe('no dead letters\n');
});

test('of very many dead letters only some are shown', () => {
  const text = renderLetters(Array(1_234).fill(letter), now, plainStyle);
  expect(text.split('\n')).toHaveLength(2 + 200 + 1 + 1);
  expect(text).toContain('and 1,034 letters more (--json lists them)');
});

test('one dead letter is shown with its message', () => {
  const layout = { format: 'debezium', version: 'binlog' } as const;
  const text = renderLetter({ ...letter, layout, message: '{"op":\u0007' }, plainStyle);
  expect(text).toContain('message   shop.topic:2:17, 2026-01-31T10:00:00.000Z, 784 B\n');
  expect(text).toContain('format    debezium, version by binlog\n');
  expect(text).toContain('\n\n{"op":');
  expect(text).not.toContain('\u0007');
});

test('a replay says what is written and what still fails', () => {
  const done = { written: 2, failed: [], models: 'rebuilt' } as const;
  expect(renderLetterReplay(done, plainStyle)).toBe('replayed 2 letters\n');
  const text = renderLetterReplay({ written: 1, failed: [letter], models: 'waiting' }, plainStyle);
  expect(text).toContain('replayed 1 letter; models over them wait for');
  expect(text).toContain('1 letter still does not fit\n');
  expect(text).toContain('shop.topic:2:17  column id: ');
});
