import { describe, expect, test } from 'vitest';
import { retry } from '../../../src/lib/retry.ts';

const always = { isTransient: () => true, firstDelayMs: 1, maxDelayMs: 4 };

/** Fails `times` times, then gives the number of calls. */
function failing(times: number): (attempt: number) => Promise<number> {
  return async (attempt) => {
    if (attempt <= times) throw new Error(`failure ${attempt}`);
    return attempt;
  };
}

describe('retry', () => {
  test('repeats until it succeeds, with doubled pauses up to a limit', async () => {
    const delays: number[] = [];
    const onRetry = (_error: unknown, _attempt: number, delayMs: number) => delays.push(delayMs);
    expect(await retry(failing(4), { ...always, onRetry })).toBe(5);
    expect(delays).toEqual([1, 2, 4, 4]);
  });

  test('gives up after the last attempt, with the last error', async () => {
    await expect(retry(failing(9), { ...always, attempts: 3 })).rejects.toThrow('failure 3');
  });

  test('throws an error at once that is not transient', async () => {
    let calls = 0;
    const action = async () => {
      calls++;
      throw new Error('for good');
    };
    await expect(retry(action, { isTransient: () => false })).rejects.toThrow('for good');
    expect(calls).toBe(1);
  });

  test('ends a pause with the reason of the signal', async () => {
    const abort = new AbortController();
    const reason = new Error('stopped');
    const running = retry(failing(9), {
      isTransient: () => true,
      firstDelayMs: 60_000,
      signal: abort.signal,
      onRetry: () => abort.abort(reason),
    });
    await expect(running).rejects.toBe(reason);
  });

  test('does not begin when the signal has aborted', async () => {
    const signal = AbortSignal.abort(new Error('stopped'));
    await expect(retry(failing(0), { ...always, signal })).rejects.toThrow('stopped');
  });
});
