import type { LogOffset } from './change-log.ts';

/** Readers that wait for an entry to become visible. */
export class Arrivals {
  readonly #waiting = new Map<() => void, LogOffset>();

  /** Resolves when `arrived` was called with an end behind `offset`, or when the signal aborts. */
  waitFor(offset: LogOffset, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const done = () => {
        this.#waiting.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      this.#waiting.set(done, offset);
      signal.addEventListener('abort', done);
    });
  }

  arrived(end: LogOffset): void {
    for (const [done, offset] of this.#waiting) if (offset < end) done();
  }

  /** Nothing will arrive any more. */
  close(): void {
    for (const done of this.#waiting.keys()) done();
  }
}
