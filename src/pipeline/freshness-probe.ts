import { setTimeout as delay } from 'node:timers/promises';
import { hasReached, type Position } from '../change/position.ts';
import type { Source } from '../source/source.ts';

/**
 * Measures freshness, commit in the source -> visible in ADS, without touching the source's data:
 * it asks the server for the end of its binlog, and takes the time until a cut at or after it is
 * published. Everything committed when it asked is visible by then, so a sample is the freshness of a
 * transaction committed at that moment (a little more: the question's own round trip counts in). Where the
 * cut is at the end already, nothing is measured.
 */
export class FreshnessProbe {
  readonly #source: Source;
  readonly #everyMs: number;
  readonly #samples: number[] = [];
  #waiting: { askedAtMs: number; position: Position }[] = [];
  /** Newest end of the binlog seen, and how far behind it the last cut was. */
  end: { position: Position; bytes: number } | undefined;

  constructor(source: Source, everyMs = 1_000) {
    this.#source = source;
    this.#everyMs = everyMs;
  }

  /** Probes until the signal aborts; a source that does not answer is left to the stream to report. */
  async run(signal: AbortSignal, cut: () => Position | undefined): Promise<void> {
    while (!signal.aborted) {
      const askedAtMs = performance.now();
      const end = await this.#source.endPosition(cut()).catch(() => undefined);
      if (end !== undefined) {
        this.end = end;
        const published = cut();
        // With nothing to show there is nothing to measure.
        if (published === undefined || !hasReached(published, end.position)) {
          this.#waiting.push({ askedAtMs, position: end.position });
        }
        if (published !== undefined) this.published(published);
      }
      await delay(this.#everyMs, undefined, { signal }).catch(() => undefined);
    }
  }

  published(position: Position): void {
    const now = performance.now();
    this.#waiting = this.#waiting.filter((probe) => {
      if (!hasReached(position, probe.position)) return true;
      this.#samples.push(now - probe.askedAtMs);
      return false;
    });
    if (this.#samples.length > 10_000) this.#samples.splice(0, this.#samples.length - 10_000);
  }

  /** Since when there has been something in the source that no cut shows; undefined when there is nothing. */
  behindSinceMs(): number | undefined {
    return this.#waiting[0]?.askedAtMs;
  }

  /** Milliseconds over the samples so far; undefined before the first. Waiting probes count with their age. */
  percentiles(): { p50Ms: number; p99Ms: number; samples: number } | undefined {
    const now = performance.now();
    const all = [...this.#samples, ...this.#waiting.map((probe) => now - probe.askedAtMs)];
    if (this.#samples.length === 0) return undefined;
    all.sort((left, right) => left - right);
    const at = (share: number) =>
      Math.round(all[Math.min(all.length - 1, Math.floor(all.length * share))] ?? 0);
    return { p50Ms: at(0.5), p99Ms: at(0.99), samples: all.length };
  }

  reset(): void {
    this.#samples.length = 0;
  }
}
