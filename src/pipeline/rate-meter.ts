/** Rows per second over the last few seconds. */
export class RateMeter {
  readonly #windowMs: number;
  #samples: { atMs: number; rows: number }[] = [];

  constructor(windowMs = 5_000) {
    this.#windowMs = windowMs;
  }

  add(rows: number): void {
    this.#samples.push({ atMs: performance.now(), rows });
  }

  perSecond(): number {
    const now = performance.now();
    this.#samples = this.#samples.filter(({ atMs }) => now - atMs < this.#windowMs);
    const rows = this.#samples.reduce((sum, sample) => sum + sample.rows, 0);
    return Math.round((rows * 1000) / this.#windowMs);
  }
}
