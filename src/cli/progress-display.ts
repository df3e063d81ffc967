import type { Logger } from '../ops/logger.ts';
import type { LiveRegion } from './live-region.ts';

/** How often progress is logged where there is no terminal to show it on. */
const logIntervalMs = 10_000;

/** Progress as a line that moves on a terminal, and as one log line per interval elsewhere. */
export class ProgressDisplay {
  readonly #liveRegion: LiveRegion | undefined;
  readonly #logger: Logger;
  readonly #now: () => number;
  #lastLogMs: number;

  constructor(parts: { liveRegion: LiveRegion | undefined; logger: Logger; now?: () => number }) {
    this.#liveRegion = parts.liveRegion;
    this.#logger = parts.logger;
    this.#now = parts.now ?? Date.now;
    this.#lastLogMs = this.#now();
  }

  /** `message` and `fields` are for the log, `line` for the terminal. */
  show(progress: {
    line: string;
    message: string;
    fields: Readonly<Record<string, unknown>>;
  }): void {
    if (this.#liveRegion !== undefined) {
      this.#liveRegion.update(progress.line);
      return;
    }
    if (this.#now() - this.#lastLogMs < logIntervalMs) return;
    this.#lastLogMs = this.#now();
    this.#logger.info(progress.fields, progress.message);
  }
}
