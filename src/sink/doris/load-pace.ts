import { setTimeout as delay } from 'node:timers/promises';

const firstPauseMs = 1_000;
const longestPauseMs = 20_000;

/**
 * Time between two loads of a table. It is nothing until the store says that it has too many versions; then it doubles with
 * each refusal and shrinks with each success. Fewer loads are larger ones: what waits is read together.
 */
export class LoadPace {
  readonly #pauses = new Map<string, { pauseMs: number; readyAt: number }>();
  readonly #now: () => number;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** How long the next load of the table is to wait. */
  waitMs(table: string): number {
    return Math.max(0, (this.#pauses.get(table)?.readyAt ?? 0) - this.#now());
  }

  async ready(table: string): Promise<void> {
    const waitMs = this.waitMs(table);
    if (waitMs > 0) await delay(waitMs);
  }

  refused(table: string): void {
    const before = this.#pauses.get(table)?.pauseMs ?? 0;
    const pauseMs = Math.min(longestPauseMs, Math.max(firstPauseMs, before * 2));
    this.#pauses.set(table, { pauseMs, readyAt: this.#now() + pauseMs });
  }

  succeeded(table: string): void {
    const before = this.#pauses.get(table);
    if (before === undefined) return;
    const pauseMs = Math.floor(before.pauseMs * 0.8);
    if (pauseMs < firstPauseMs) this.#pauses.delete(table);
    else this.#pauses.set(table, { pauseMs, readyAt: this.#now() + pauseMs });
  }
}
