import { setTimeout as delay } from 'node:timers/promises';

/**
 * Waits until `condition` gives something truthy and returns it. Fails after `deadlineMs` with
 * `what`; an error the condition throws counts as "not yet" and is the cause then.
 */
export async function waitUntil<T>(
  what: string,
  condition: () => T | Promise<T>,
  deadlineMs = 10_000,
): Promise<NonNullable<T>> {
  const deadline = Date.now() + deadlineMs;
  let cause: unknown;
  do {
    try {
      const value = await condition();
      if (value) return value;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    await delay(10);
  } while (Date.now() < deadline);
  throw new Error(`waited ${deadlineMs} ms in vain until ${what}`, { cause });
}
