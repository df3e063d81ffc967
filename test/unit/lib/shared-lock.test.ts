import { expect, test } from 'vitest';
import { SharedLock } from '../../../src/lib/shared-lock.ts';

function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

test('one alone waits for those who share, and later ones wait for him', async () => {
  const lock = new SharedLock();
  const seen: string[] = [];
  const first = gate();
  const second = gate();
  const work = (name: string, until?: Promise<void>) => async () => {
    seen.push(`${name} begins`);
    await until;
    seen.push(`${name} ends`);
  };
  const all = [
    lock.shared(undefined, work('a', first.opened)),
    lock.shared(undefined, work('b', second.opened)),
    lock.alone(undefined, work('c')),
    lock.shared(undefined, work('d')),
  ];
  second.open();
  first.open();
  await Promise.all(all);
  expect(seen.slice(0, 2)).toEqual(['a begins', 'b begins']);
  expect(seen.slice(4)).toEqual(['c begins', 'c ends', 'd begins', 'd ends']);
});

test('who gives up waiting lets those behind him pass, and a failure frees the lock', async () => {
  const lock = new SharedLock();
  const held = gate();
  const holding = lock.shared(undefined, () => held.opened);
  const stop = new AbortController();
  const given = lock.alone(stop.signal, async () => 'never');
  const behind = lock.shared(undefined, async () => 'passed');
  stop.abort(new Error('enough'));
  await expect(given).rejects.toThrow('enough');
  expect(await behind).toBe('passed');
  held.open();
  await holding;
  await expect(lock.alone(undefined, () => Promise.reject(new Error('broken')))).rejects.toThrow();
  expect(await lock.alone(undefined, async () => 'free')).toBe('free');
});
