import type { CompiledModel } from '../model/model-compiler.ts';

/** A model that need not be fresher than this is refreshed only when it is due. */
const minutesLaneMs = 60_000;

/**
 * Two lanes: models of seconds are refreshed with every cut, those whose header allows a minute or more only
 * as often as that, and then all changes of the meantime at once. A reader is no fresher than what it reads.
 */
export class Lanes {
  readonly #refreshedAtMs = new Map<string, number>();
  #intervals: ReadonlyMap<string, number> = new Map();
  #models: readonly CompiledModel[] = [];

  /** `models` in order of dependency. */
  follow(models: readonly CompiledModel[]): void {
    if (models === this.#models) return;
    const intervals = new Map<string, number>();
    for (const { model, reads } of models) {
      const own = model.header.freshnessMs ?? 0;
      const least = Math.max(own, ...reads.map((name) => intervals.get(name) ?? 0));
      if (least >= minutesLaneMs) intervals.set(model.name, least);
    }
    this.#models = models;
    this.#intervals = intervals;
  }

  isOfMinutes(model: string): boolean {
    return this.#intervals.has(model);
  }

  /** Models of minutes whose time has come, with those they read; after a start all of them. */
  due(nowMs: number): ReadonlySet<string> {
    const due = new Set<string>();
    for (const { model, reads } of this.#models.toReversed()) {
      const interval = this.#intervals.get(model.name);
      if (interval === undefined) continue;
      const isTime = nowMs - (this.#refreshedAtMs.get(model.name) ?? 0) >= interval;
      if (!isTime && !due.has(model.name)) continue;
      for (const name of [model.name, ...reads]) if (this.isOfMinutes(name)) due.add(name);
    }
    return due;
  }

  note(models: Iterable<string>, nowMs: number): void {
    for (const name of models) this.#refreshedAtMs.set(name, nowMs);
  }
}
