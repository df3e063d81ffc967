import { expect, test } from 'vitest';
import { StreamTurn } from '../../../src/pipeline/stream-turn.ts';
import { waitUntil } from '../../support/wait-until.ts';

const never = new AbortController().signal;

test('work between transactions waits for the last part of an open one, and the stream waits for the work', async () => {
  const turn = new StreamTurn();
  const done: string[] = [];
  const append = (name: string, open: boolean) =>
    turn.append(open, never, async () => void done.push(name));
  await append('first part', true);
  let finish: () => void = () => undefined;
  const held = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const between = turn.between(never, async () => {
    done.push('between');
    await held;
    return 7;
  });
  await append('second part', true);
  await append('last part', false);
  await waitUntil('the work has begun', () => done.includes('between'));
  const next = append('next', false);
  finish();
  expect(await between).toBe(7);
  await next;
  expect(done).toEqual(['first part', 'second part', 'last part', 'between', 'next']);
});

test('parts that a broken stream has left open hold up nothing once it begins anew', async () => {
  const turn = new StreamTurn();
  await turn.append(true, never, async () => undefined);
  turn.begin();
  expect(await turn.between(never, async () => 'done')).toBe('done');
});
