import { CdcError } from '../../errors.ts';
import type { Logger } from '../../ops/logger.ts';
import type { RowWork } from './row-writer.ts';

const everyMs = 5_000;

/**
 * Takes expired rows out of the indexes of tables that nothing is written to; a batch does the same by itself. Runs only while
 * the store is where the last batch has left the table, so it never meets another one.
 */
export class ExpirySweeps implements Disposable {
  readonly #sweep: (work: RowWork) => Promise<void>;
  readonly #logger: Logger;
  readonly #works = new Map<string, RowWork>();
  readonly #timer: NodeJS.Timeout;
  #running = Promise.resolve();

  constructor(sweep: (work: RowWork) => Promise<void>, logger: Logger) {
    this.#sweep = sweep;
    this.#logger = logger;
    this.#timer = setInterval(() => {
      this.#running = this.#running.then(() => this.#sweepAll());
    }, everyMs);
    this.#timer.unref();
  }

  /** The batch of `work` is in the store, with its progress. */
  settled({ layout, step }: RowWork): void {
    if (layout.ttl === undefined || layout.indexes.length === 0) return;
    const follows = step.next.sequence;
    this.#works.set(layout.table.source, { layout, step: { ...step, follows } });
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#works.clear();
  }

  async #sweepAll(): Promise<void> {
    for (const [source, work] of [...this.#works]) {
      try {
        await this.#sweep(work);
      } catch (error) {
        if (this.#works.get(source) !== work) continue; // a batch came meanwhile, or the end
        if (error instanceof CdcError && error.code === 'CDC_SINK_STALE')
          this.#works.delete(source);
        else this.#logger.warn({ table: source, error }, 'Expired rows are still in indexes.');
      }
    }
  }
}
