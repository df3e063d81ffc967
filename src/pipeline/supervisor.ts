import { setTimeout as delay } from 'node:timers/promises';
import { CdcError } from '../errors.ts';
import type { Logger } from '../ops/logger.ts';

export interface SuperviseOptions {
  readonly name: string;
  readonly signal: AbortSignal;
  readonly logger: Logger;
  /** Continuous failure for this long ends the task with its last error. */
  readonly giveUpAfterMs?: number;
  /** Called with each transient error before the wait, for `cdc status`. */
  readonly onError?: (error: CdcError) => void;
}

const firstWaitMs = 200;
const longestWaitMs = 15_000;
const healthyAfterMs = 30_000;

/**
 * Keeps a task running: a transient error starts it again after a growing wait, any other error
 * ends it. Resolves when the task ends by itself or the signal aborts.
 */
export async function supervise(
  task: (signal: AbortSignal) => Promise<void>,
  options: SuperviseOptions,
): Promise<void> {
  const { name, signal, logger, giveUpAfterMs = 15 * 60_000 } = options;
  let waitMs = firstWaitMs;
  let failingSince = 0;
  while (!signal.aborted) {
    const startedAt = Date.now();
    try {
      return await task(signal);
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof CdcError) || error.kind !== 'transient') throw error;
      const now = Date.now();
      if (failingSince === 0 || now - startedAt > healthyAfterMs) {
        failingSince = now;
        waitMs = firstWaitMs;
      }
      if (now - failingSince > giveUpAfterMs) throw error;
      options.onError?.(error);
      logger.warn(
        { component: name, code: error.code, error: error.message, waitMs },
        'Trying again.',
      );
      await delay(waitMs, undefined, { signal }).catch(() => undefined);
      waitMs = Math.min(waitMs * 2, longestWaitMs);
    }
  }
}
