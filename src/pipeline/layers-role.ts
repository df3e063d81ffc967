import { setTimeout as delay } from 'node:timers/promises';
import type { ProjectConfig } from '../config/project-config.ts';
import type { Layers } from '../layers/layers.ts';
import { StateTable } from '../load/clickhouse/state-table.ts';
import type { Logger } from '../ops/logger.ts';
import { completeCheckpoint } from './capture-state.ts';
import {
  openProjectLayers,
  openWarehouseStages,
  processName,
  type WarehouseStages,
} from './compose.ts';
import { HistoryKeeper } from './history-keeper.ts';
import { RemoteLoader } from './remote-loader.ts';
import { acquireRole, assertRolePossible, type RoleLock } from './roles.ts';
import { SettledTables } from './settled-tables.ts';
import { emptyStatus, type StatusReport, storeStatus } from './status.ts';
import { layersStatus, RecentErrors } from './status-parts.ts';
import { type Cut, Warehouse } from './warehouse.ts';

/** ODS -> layers, in a process of its own, which leads the loaders from cut to cut. Needs no source. */
export class LayersRole implements AsyncDisposable {
  readonly #stages: WarehouseStages;
  readonly #layers: Layers;
  readonly #loader: RemoteLoader;
  readonly #warehouse: Warehouse;
  readonly #settled: SettledTables;
  readonly #history: HistoryKeeper;
  readonly #lock: RoleLock;
  readonly #logger: Logger;
  readonly #errors = new RecentErrors();
  #onPublish: (cut: Cut) => void = () => undefined;

  static async open(config: ProjectConfig, logger: Logger): Promise<LayersRole> {
    assertRolePossible(config, 'layers');
    const lock = acquireRole(config, 'layers');
    let stages: WarehouseStages | undefined;
    try {
      stages = await openWarehouseStages(config, logger);
      const settled = new SettledTables();
      const { engine, catalog, log } = stages;
      const tables = () => settled.schemas(log);
      const layers = await openProjectLayers(config, { engine, catalog, tables, logger });
      const loader = await RemoteLoader.open({
        table: new StateTable(engine),
        log,
        shares: config.load.shares,
        ownerId: processName(),
        logger,
      });
      const history = new HistoryKeeper(config, { engine, catalog, logger });
      return new LayersRole(logger, { stages, layers, loader, settled, history, lock });
    } catch (error) {
      await stages?.[Symbol.asyncDispose]();
      lock.release();
      throw error;
    }
  }

  private constructor(
    logger: Logger,
    parts: {
      readonly stages: WarehouseStages;
      readonly layers: Layers;
      readonly loader: RemoteLoader;
      readonly settled: SettledTables;
      readonly history: HistoryKeeper;
      readonly lock: RoleLock;
    },
  ) {
    const { stages, layers, loader, settled, history, lock } = parts;
    this.#history = history;
    this.#stages = stages;
    this.#layers = layers;
    this.#loader = loader;
    this.#settled = settled;
    this.#lock = lock;
    this.#logger = logger;
    this.#warehouse = new Warehouse({
      ...stages,
      loader,
      layers,
      logger,
      settle: (step) => settled.note(stages.log, loader, step),
      onLoad: () => undefined,
      onPublish: (cut) => this.#onPublish(cut),
      onError: (error) => this.#errors.add(error),
    });
  }

  /** Works until the signal aborts or a cut is enough; resolves to whether one was. */
  async run(signal: AbortSignal, isEnough?: (cut: Cut) => boolean): Promise<boolean> {
    const { log } = this.#stages;
    const stop = new AbortController();
    const inner = AbortSignal.any([signal, stop.signal]);
    let isComplete = false;
    this.#onPublish = (cut) => {
      if (!isEnough?.(cut) || !this.#settled.all(log, new Set())) return;
      isComplete = true;
      stop.abort();
    };
    const tasks = [this.#refresh(inner, isEnough !== undefined), this.#reportStatus(inner)];
    try {
      await Promise.all(tasks);
    } finally {
      stop.abort();
      await Promise.allSettled(tasks);
      await this.#store();
    }
    return isComplete;
  }

  status(): StatusReport {
    const { cut } = this.#warehouse;
    return {
      ...emptyStatus,
      running: { pid: process.pid, since: this.#lock.since },
      layers: layersStatus(this.#layers, cut),
      errors: this.#errors.list(),
      updatedAt: new Date().toISOString(),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#loader[Symbol.asyncDispose]();
    await this.#history[Symbol.asyncDispose]();
    await this.#stages[Symbol.asyncDispose]();
    this.#lock.release();
  }

  /** Models can only be judged once every table that they may read is there. */
  async #refresh(signal: AbortSignal, isWhole: boolean): Promise<void> {
    const { log } = this.#stages;
    if (log.checkpoint(completeCheckpoint) !== true) {
      this.#logger.info({ component: 'layers' }, 'Waiting for the first snapshot of all tables.');
    }
    while (!signal.aborted && log.checkpoint(completeCheckpoint) !== true) {
      await delay(100, undefined, { signal }).catch(() => undefined);
    }
    if (signal.aborted) return;
    this.#settled.resume(log, this.#loader, this.#warehouse.publishedTables());
    await this.#warehouse.run(signal, isWhole);
  }

  async #reportStatus(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#store();
      await delay(1_000, undefined, { signal }).catch(() => undefined);
    }
  }

  #store(): Promise<void> {
    return storeStatus(this.#stages.catalog, this.status(), { role: 'layers', number: 1 });
  }
}
