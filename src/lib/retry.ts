import { setTimeout as delay } from 'node:timers/promises';

export interface RetryOptions {
  /** Which errors are worth another attempt; the others are thrown at once. */
  readonly isTransient: (error: unknown) => boolean;
  readonly signal?: AbortSignal;
  /** Calls of the action in all, the first included. */
  readonly attempts?: number;
  /** Pause after the first failure; doubles after each further one. */
  readonly firstDelayMs?: number;
  readonly maxDelayMs?: number;
  /** Called before each pause, for logging and for counting. */
  readonly onRetry?: (error: unknown, attempt: number, delayMs: number) => void;
}

/**
 * Calls `action` until it succeeds, with growing pauses in between. Throws the action's own error
 * when it is not transient or the attempts are spent, and the signal's reason when it aborts.
 * `attempt` counts from 1.
 */
export async function retry<T>(
  action: (attempt: number) => Promise<T>,
  options: RetryOptions,
): Promise<T> {
  const { signal, isTransient, onRetry } = options;
  const { attempts = 8, firstDelayMs = 100, maxDelayMs = 5_000 } = options;
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted();
    try {
      return await action(attempt);
    } catch (error) {
      if (attempt >= attempts || !isTransient(error)) throw error;
      const delayMs = Math.min(firstDelayMs * 2 ** (attempt - 1), maxDelayMs);
      onRetry?.(error, attempt, delayMs);
      await pause(delayMs, signal);
    }
  }
}

/** Waits; throws the signal's reason when it aborts first. */
async function pause(delayMs: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await delay(delayMs, undefined, signal === undefined ? undefined : { signal });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}
