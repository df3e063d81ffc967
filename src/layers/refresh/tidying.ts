import type { LayerHistory } from '../change/layer-history.ts';
import type { Attempt, ModelRecord } from '../layer-state.ts';
import type { LayersSetup } from '../layers.ts';
import type { CompiledModel } from '../model/model-compiler.ts';
import { prepareLookups } from '../node/lookups.ts';
import type { Scope } from '../node/maintained-node.ts';
import { clearMarker, createMarker } from './attempt-marker.ts';
import { DeltaHistory } from './delta-history.ts';
import { findSmallTables } from './small-tables.ts';
import { dropStrayTables } from './stray-tables.ts';

/** Refreshes between two tidyings. */
const tidyEvery = 50;
const hourMs = 3_600_000;

export interface TidyingParts {
  readonly attempt: Attempt;
  readonly models: readonly CompiledModel[];
  readonly records: readonly ModelRecord[];
  readonly history: LayerHistory;
  /** A job beside the refreshes still needs its marks and keys. */
  readonly isBusy: boolean;
}

/** What is done once in a while before a refresh: looks at the sizes of tables, throws away what published cuts have left. */
export class Tidying {
  readonly #setup: LayersSetup;
  readonly #deltas: DeltaHistory;
  #refreshes = tidyEvery;
  #isOwed = false;
  #isSmall: Scope['isSmall'] = () => false;

  constructor(setup: LayersSetup) {
    const { engine, catalog, options } = setup;
    this.#setup = setup;
    this.#deltas = new DeltaHistory({ engine, catalog, hours: options.historyHours });
  }

  get isSmall(): Scope['isSmall'] {
    return this.#isSmall;
  }

  /** Tables have been made anew, which the next refresh should know. */
  hurry(): void {
    this.#refreshes = tidyEvery;
  }

  async run(parts: TidyingParts, signal: AbortSignal): Promise<void> {
    this.#refreshes += 1;
    if (this.#refreshes > tidyEvery) {
      await this.#look(parts, signal);
      this.#refreshes = 0;
      this.#isOwed = true;
    }
    // A repeated attempt still needs the deltas of those before it.
    if (!this.#isOwed || parts.isBusy || parts.attempt.isRepeat) return;
    await this.#clear(parts, signal);
    this.#isOwed = false;
  }

  async #look({ models }: TidyingParts, signal: AbortSignal): Promise<void> {
    const { engine, options, logger } = this.#setup;
    await engine.command(createMarker, { signal });
    this.#isSmall = await findSmallTables(engine, options.smallTableRows, signal);
    const lookups = models.flatMap(({ nodes }) => nodes.flatMap((node) => node.lookups ?? []));
    await prepareLookups(lookups, { engine, logger, signal });
  }

  async #clear(
    { attempt, models, records, history }: TidyingParts,
    signal: AbortSignal,
  ): Promise<void> {
    const { engine, options } = this.#setup;
    await engine.command(clearMarker, { signal });
    await dropStrayTables(engine, [...records, ...history.retiredRecords()], signal);
    await this.#deltas.keep(signal);
    const { build, since } = attempt;
    const needed = Math.min(since, ...records.flatMap(({ at }) => at?.build ?? []));
    const nowMs = Date.now();
    await this.#deltas.prune({ build, needed }, nowMs, signal);
    await history.markOutdated(nowMs - options.historyHours * hourMs);
    for (const { tables } of models.flatMap(({ nodes }) => nodes)) {
      await engine.command(`TRUNCATE TABLE IF EXISTS ${tables.keys}`, { signal });
    }
  }
}
