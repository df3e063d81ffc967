import type { Catalog } from '../catalog/catalog.ts';
import { type Position, renderPosition, versionOf } from '../change/position.ts';
import type { TableId } from '../change/table-id.ts';
import type { CdcError } from '../errors.ts';
import type { Layers } from '../layers/layers.ts';
import { currentBuild } from '../layers/published-models.ts';
import { pastCutKey } from '../layers/refresh/past-cuts.ts';
import type { LoadStep } from '../load/load-step.ts';
import type { ChangeLog } from '../log/change-log.ts';
import type { Logger } from '../ops/logger.ts';
import { ControlDesk } from './control.ts';
import { loadedPosition } from './loaded-position.ts';
import { pendingRebuilds, rebuildKeys } from './rebuild-requests.ts';
import { supervise } from './supervisor.ts';
import { pendingSuspects, suspectKeys, suspectsOf } from './suspect-requests.ts';
import type { WarehouseLoader } from './warehouse-loader.ts';

export const cutKey = 'cut';
/** Marks of the tables in published cuts; see SettledTables. */
export const settledPrefix = 'settled/';
/** While behind, layers are refreshed at most this often, so that catching up is not slowed by them. */
const refreshEveryMs = 1_000;

/** The last published cut: every layer equals its query over the sources as of `position`. */
export interface Cut {
  readonly position: Position;
  readonly publishedAtMs: number;
  /** The newest build of the layers in it. */
  readonly build: number;
}

export interface WarehouseOptions {
  readonly loader: WarehouseLoader;
  readonly layers: Layers;
  readonly log: ChangeLog;
  readonly catalog: Catalog;
  readonly logger: Logger;
  /**
   * Notes a load step (or none); returns the tables that agree with the source at the loader's
   * position, each with the mark of the snapshot it came from.
   */
  readonly settle: (step: LoadStep | undefined) => ReadonlyMap<TableId, string>;
  readonly onLoad: (step: LoadStep) => void;
  readonly onPublish: (cut: Cut) => void;
  readonly onError: (error: CdcError) => void;
}

/**
 * Log -> ODS -> layers, one cut after another. Loading and refreshing alternate, so that the layers
 * read ODS tables that stand still at whole transactions of the source.
 */
export class Warehouse {
  readonly #options: WarehouseOptions;
  readonly #desk: ControlDesk;
  /** Tables changed since the last published cut. */
  #touched = new Set<TableId>();
  #isFirstRefresh = true;
  #isWhole = false;
  #refreshedAtMs = 0;
  #refreshMs = 0;

  constructor(options: WarehouseOptions) {
    const { catalog, layers } = options;
    this.#options = options;
    this.#desk = new ControlDesk(catalog, {
      prepareHold: (signal) => this.#reachOneCut(signal),
      applyLayers: () => layers.startApply(),
      rollbackLayers: (change) => layers.rollback(change),
    });
  }

  get cut(): Cut | undefined {
    return this.#options.catalog.get<Cut>(cutKey);
  }

  /** The tables that published cuts hold, each with the mark of the snapshot it came from. */
  publishedTables(): ReadonlyMap<TableId, string> {
    const marks = this.#options.catalog.entries<string>(settledPrefix);
    return new Map([...marks].map(([key, mark]) => [key.slice(settledPrefix.length), mark]));
  }

  /** `isWhole`: somebody waits for the end, so every cut is for all models, also those that are not due or have much to do. */
  async run(signal: AbortSignal, isWhole = false): Promise<void> {
    const { logger, onError } = this.#options;
    this.#isWhole = isWhole;
    await supervise((inner) => this.#runOnce(inner), {
      name: 'warehouse',
      signal,
      logger,
      onError,
    });
  }

  /** Brings the models to what is loaded, without a look at their files; for a process that does nothing else. */
  async refreshOnce(signal: AbortSignal): Promise<void> {
    this.#begin();
    this.#isFirstRefresh = false;
    await this.#refresh(signal);
  }

  /** After a start or a crash, what was loaded but perhaps not published is refreshed again. */
  #begin(): void {
    const { log, settle } = this.#options;
    for (const table of log.schemas().keys()) this.#touched.add(table);
    settle(undefined);
  }

  async #runOnce(signal: AbortSignal): Promise<void> {
    const { loader, log, settle, onLoad } = this.#options;
    this.#begin();
    let due = loadedPosition(log, loader) !== undefined;
    while (!signal.aborted) {
      if (due) await this.#refresh(signal);
      await this.#desk.answer(signal);
      const end = log.end();
      const step = await loader.step(signal);
      if (step !== undefined) {
        for (const table of step.tables) this.#touched.add(table);
        settle(step);
        onLoad(step);
      }
      // What came in during the step does not count as being behind: under load something always does.
      due = this.#isRefreshDue(loader.offset() >= end);
    }
  }

  #isRefreshDue(isCurrent: boolean): boolean {
    const { loader, log, settle, catalog, layers } = this.#options;
    const loaded = loadedPosition(log, loader);
    if (loaded === undefined) return false;
    const published = this.cut?.position;
    const moved = published === undefined || versionOf(published) !== versionOf(loaded);
    const isAsked = pendingRebuilds(catalog).size > 0 || pendingSuspects(catalog).size > 0;
    const hasWork = isAsked || layers.isDue();
    if (!moved && !hasWork && !this.#hasNewlySettled(settle(undefined))) return false;
    if (isCurrent) return true;
    return Date.now() - this.#refreshedAtMs > Math.max(refreshEveryMs, 4 * this.#refreshMs);
  }

  #hasNewlySettled(settled: ReadonlyMap<TableId, string>): boolean {
    const { added, reread } = this.#newlySettled(settled);
    return added.length + reread.length > 0;
  }

  /** Tables whose snapshot is another than the one the models were last built from. */
  #newlySettled(settled: ReadonlyMap<TableId, string>): { added: TableId[]; reread: TableId[] } {
    const known = this.publishedTables();
    const added: TableId[] = [];
    const reread: TableId[] = [];
    for (const [table, snapshot] of settled) {
      const before = known.get(table);
      if (before === undefined) added.push(table);
      else if (before !== snapshot) reread.push(table);
    }
    return { added, reread };
  }

  /** With `isWhole` every model comes to the cut, also those that are not due or have much to do. */
  async #refresh(signal: AbortSignal, isWhole = this.#isWhole): Promise<void> {
    const { layers, catalog, settle, loader, log, logger, onPublish } = this.#options;
    const position = loadedPosition(log, loader);
    if (position === undefined) return;
    const startedAt = Date.now();
    const settled = settle(undefined);
    const { added, reread } = this.#newlySettled(settled);
    if (added.length > 0 || this.#isFirstRefresh) await layers.apply(signal, { isAsked: false });
    const asked = pendingRebuilds(catalog);
    const stale = new Set([...reread, ...asked.keys()]);
    if (stale.size > 0) await layers.rebuild(stale, signal);
    const from = this.cut;
    const suspects = pendingSuspects(catalog);
    if (from !== undefined) {
      const cut = {
        from: { version: versionOf(from.position), build: from.build },
        to: versionOf(position),
        tables: this.#touched,
        suspects: suspectsOf(catalog, suspects),
        isWhole,
      };
      const { models } = await layers.refresh(cut, signal);
      const refreshed = models.filter(({ strategy }) => strategy !== 'none');
      logger.debug(
        {
          component: 'warehouse',
          from: renderPosition(from.position),
          to: renderPosition(position),
          tables: [...this.#touched],
          models: refreshed.map(
            ({ name, keysRecomputed, ms }) => `${name} ${keysRecomputed} keys ${ms} ms`,
          ),
        },
        'Refreshed the layers.',
      );
    }
    // What was read while loaders went on is of no cut: the same is refreshed again at the next.
    if (signal.aborted || !(await loader.standsStill())) return;
    const published = { position, publishedAtMs: Date.now(), build: currentBuild(catalog) };
    const marks = [...added, ...reread].map((table) => [settledPrefix + table, settled.get(table)]);
    await catalog.batch({
      [cutKey]: published,
      [pastCutKey(published.build)]: published,
      ...Object.fromEntries(marks),
      ...rebuildKeys(catalog, asked),
      ...suspectKeys(suspects),
    });
    this.#touched = new Set();
    this.#isFirstRefresh = false;
    this.#refreshedAtMs = Date.now();
    this.#refreshMs = this.#refreshedAtMs - startedAt;
    onPublish(published);
  }

  /** Somebody wants to see all models as of one moment. */
  async #reachOneCut(signal: AbortSignal): Promise<void> {
    const { layers } = this.#options;
    // While much is to be loaded, tables run ahead of the models between two refreshes.
    const isApart = () =>
      (this.cut !== undefined && this.#touched.size > 0) ||
      layers.status().some(({ at, error }) => at !== undefined && error === undefined);
    while (!signal.aborted && isApart()) await this.#refresh(signal, true);
  }
}
