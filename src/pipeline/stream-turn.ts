import { setTimeout as delay } from 'node:timers/promises';
import { SharedLock } from '../lib/shared-lock.ts';

const pollMs = 20;

/** Keeps the appends of the stream, and what must happen between two of its transactions, apart. */
export class StreamTurn {
  readonly #lock = new SharedLock();
  #isTransactionOpen = false;

  /** The stream begins anew; parts of a transaction that it had left open are gone. */
  begin(): void {
    this.#isTransactionOpen = false;
  }

  /** Runs the append of a batch; `open`: its last transaction goes on in the next one. */
  append(open: boolean, signal: AbortSignal, work: () => Promise<void>): Promise<void> {
    return this.#lock.alone(signal, async () => {
      await work();
      this.#isTransactionOpen = open;
    });
  }

  /** Runs the work while the stream waits and no transaction of it is open. */
  async between<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    for (;;) {
      const done = await this.#lock.alone(signal, async () => {
        return this.#isTransactionOpen ? undefined : { result: await work() };
      });
      if (done !== undefined) return done.result;
      await delay(pollMs, undefined, { signal });
    }
  }
}
