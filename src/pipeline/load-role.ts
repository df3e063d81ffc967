import { setTimeout as delay } from 'node:timers/promises';
import type { ProjectConfig } from '../config/project-config.ts';
import { StateTable } from '../load/clickhouse/state-table.ts';
import type { LoadStep } from '../load/load-step.ts';
import type { Logger } from '../ops/logger.ts';
import { openWarehouseStages, processName, type WarehouseStages } from './compose.ts';
import { type ConsumerLag, consumerLag } from './consumer-lag.ts';
import { LoaderProcess } from './loader-process.ts';
import { openShareGroup } from './open-share-group.ts';
import { RateMeter } from './rate-meter.ts';
import { acquireRole, assertRolePossible, type RoleLock } from './roles.ts';
import type { ShareGroup } from './share-group.ts';
import { emptyStatus, type StatusReport, storeStatus } from './status.ts';
import { logStatus, pausedErrors, RecentErrors } from './status-parts.ts';
import { supervise } from './supervisor.ts';

/** Log -> warehouse, in a process of its own; several of them share the tables. Needs no source. */
export class LoadRole implements AsyncDisposable {
  readonly #stages: WarehouseStages;
  readonly #group: ShareGroup;
  readonly #process: LoaderProcess;
  readonly #lock: RoleLock;
  readonly #logger: Logger;
  readonly #errors = new RecentErrors();
  readonly #rates = new RateMeter();
  #rows = 0;
  #transactions = 0;
  #consumers: readonly ConsumerLag[] = [];

  static async open(config: ProjectConfig, logger: Logger): Promise<LoadRole> {
    assertRolePossible(config, 'load');
    const lock = acquireRole(config, 'load');
    let stages: WarehouseStages | undefined;
    try {
      stages = await openWarehouseStages(config, logger);
      const group = await openShareGroup(config, lock.number, logger);
      return new LoadRole(config, logger, stages, group, lock);
    } catch (error) {
      await stages?.[Symbol.asyncDispose]();
      lock.release();
      throw error;
    }
  }

  private constructor(
    config: ProjectConfig,
    logger: Logger,
    stages: WarehouseStages,
    group: ShareGroup,
    lock: RoleLock,
  ) {
    this.#stages = stages;
    this.#group = group;
    this.#lock = lock;
    this.#logger = logger;
    const { log, ods, engine } = stages;
    this.#process = new LoaderProcess({
      log,
      ods,
      options: config.load,
      logger,
      table: new StateTable(engine),
      group,
      shares: config.load.shares,
      ownerId: processName(),
      onStep: (step) => this.#noteStep(step),
    });
  }

  /** Works until the signal aborts; throws what cannot be retried. */
  async run(signal: AbortSignal): Promise<void> {
    const stop = new AbortController();
    const inner = AbortSignal.any([signal, stop.signal]);
    const reporting = this.#reportStatus(inner);
    try {
      await supervise((each) => this.#process.run(each), {
        name: 'loader',
        signal,
        logger: this.#logger,
        onError: (error) => this.#errors.add(error),
      });
    } finally {
      stop.abort();
      await reporting;
      await this.#store();
    }
  }

  status(): StatusReport {
    const offsets = this.#process.shares.map((share) => share.offset());
    const paused = this.#process.shares.flatMap((share) => share.paused());
    const { log } = this.#stages;
    return {
      ...emptyStatus,
      running: { pid: process.pid, since: this.#lock.since },
      rows: { perSecond: this.#rates.perSecond(), total: this.#rows },
      transactions: this.#transactions,
      log: logStatus(log, offsets.length === 0 ? log.end() : Math.min(...offsets)),
      consumers: this.#consumers,
      errors: [...pausedErrors(paused), ...this.#errors.list()],
      updatedAt: new Date().toISOString(),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#group[Symbol.asyncDispose]();
    await this.#stages[Symbol.asyncDispose]();
    this.#lock.release();
  }

  #noteStep(step: LoadStep): void {
    this.#rows += step.rows;
    // Every share meets every transaction: those of one are all.
    if (this.#process.shares.length > 0) {
      this.#transactions += step.transactions / this.#process.shares.length;
    }
    this.#rates.add(step.rows);
  }

  async #reportStatus(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const lags = this.#process.shares.map((share) => consumerLag(this.#stages.log, share));
      // A log that does not answer is for the loader to report.
      this.#consumers = await Promise.all(lags).catch(() => this.#consumers);
      await this.#store();
      await delay(1_000, undefined, { signal }).catch(() => undefined);
    }
  }

  #store(): Promise<void> {
    const { number } = this.#lock;
    return storeStatus(this.#stages.catalog, this.status(), { role: 'load', number });
  }
}
