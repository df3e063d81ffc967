import type { Catalog } from '../catalog/catalog.ts';
import { type Position, versionOf } from '../change/position.ts';
import type { TableId } from '../change/table-id.ts';
import type { CdcError } from '../errors.ts';
import type { Layers } from '../layers/layers.ts';
import type { Loader, LoadStep } from '../load/loader.ts';
import type { ChangeLog } from '../log/change-log.ts';
import type { Logger } from '../ops/logger.ts';
import { answerRequests } from './control.ts';
import { supervise } from './supervisor.ts';

const cutKey = 'cut';
/** While behind, layers are refreshed at most this often, so that catching up is not slowed by them. */
const refreshEveryMs = 1_000;

/** The last published cut: every layer equals its query over the sources as of `position`. */
export interface Cut {
  readonly position: Position;
  readonly publishedAtMs: number;
}

export interface WarehouseOptions {
  readonly loader: Loader;
  readonly layers: Layers;
  readonly log: ChangeLog;
  readonly catalog: Catalog;
  readonly logger: Logger;
  /** Tables that have been read completely and agree with the source at the loader's position. */
  readonly settled: (loaded: Position) => ReadonlySet<TableId>;
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
  /** Tables changed since the last published cut. */
  #touched = new Set<TableId>();
  /** Tables read anew since then: their readers are rebuilt. */
  #reloaded = new Set<TableId>();
  #settled: ReadonlySet<TableId> = new Set();
  #loaded: Position | undefined;
  #refreshedAtMs = 0;
  #refreshMs = 0;

  constructor(options: WarehouseOptions) {
    this.#options = options;
  }

  get cut(): Cut | undefined {
    return this.#options.catalog.get<Cut>(cutKey);
  }

  async run(signal: AbortSignal): Promise<void> {
    const { logger, onError } = this.#options;
    await supervise((inner) => this.#runOnce(inner), { name: 'warehouse', signal, logger, onError });
  }

  async #runOnce(signal: AbortSignal): Promise<void> {
    await this.#resume(signal);
    while (!signal.aborted) {
      const step = await this.#options.loader.step(signal);
      if (step !== undefined) this.#note(step);
      if (this.#isRefreshDue()) await this.#refresh(signal);
      await this.#answer(signal);
    }
  }

  /** After a start or a crash: what was loaded but perhaps not published is refreshed again. */
  async #resume(signal: AbortSignal): Promise<void> {
    const { loader, log } = this.#options;
    this.#loaded = loader.loadedPosition();
    for (const table of log.schemas().keys()) this.#touched.add(table);
    if (this.#loaded !== undefined) await this.#refresh(signal);
  }

  #note(step: LoadStep): void {
    for (const table of step.tables) this.#touched.add(table);
    for (const table of step.reloadedTables) this.#reloaded.add(table);
    if (step.position !== undefined) this.#loaded = step.position;
    this.#options.onLoad(step);
  }

  #isRefreshDue(): boolean {
    const { loader, log } = this.#options;
    if (this.#loaded === undefined) return false;
    const published = this.cut?.position;
    if (published !== undefined && versionOf(published) === versionOf(this.#loaded) && this.#reloaded.size === 0)
      return false;
    if (loader.offset() >= log.end()) return true;
    return Date.now() - this.#refreshedAtMs > Math.max(refreshEveryMs, 4 * this.#refreshMs);
  }

  async #refresh(signal: AbortSignal): Promise<void> {
    const { layers, catalog, settled, onPublish } = this.#options;
    const position = this.#loaded;
    if (position === undefined) return;
    const startedAt = Date.now();
    const ready = settled(position);
    const before = this.#settled;
    this.#settled = ready;
    // The first time every table a model reads has arrived, the model is built in full.
    if ([...ready].some((table) => !before.has(table))) await layers.build(signal);
    const reloaded = new Set([...this.#reloaded].filter((table) => ready.has(table)));
    if (reloaded.size > 0) await layers.rebuild(reloaded, signal);
    const from = this.cut?.position;
    if (from !== undefined) {
      const cut = { from: versionOf(from), to: versionOf(position), tables: this.#touched };
      await layers.refresh(cut, signal);
    }
    if (signal.aborted) return;
    const published: Cut = { position, publishedAtMs: Date.now() };
    await catalog.put(cutKey, published);
    this.#touched = new Set();
    for (const table of reloaded) this.#reloaded.delete(table);
    this.#refreshedAtMs = Date.now();
    this.#refreshMs = this.#refreshedAtMs - startedAt;
    onPublish(published);
  }

  #answer(signal: AbortSignal): Promise<void> {
    const { catalog, layers } = this.#options;
    return answerRequests(
      catalog,
      { cut: () => this.cut?.position, applyLayers: () => layers.apply(signal) },
      signal,
    );
  }
}
