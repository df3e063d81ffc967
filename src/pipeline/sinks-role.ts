import { setTimeout as delay } from 'node:timers/promises';
import type { ProjectConfig } from '../config/project-config.ts';
import type { Logger } from '../ops/logger.ts';
import { openWarehouseStages, type WarehouseStages } from './compose.ts';
import { ProjectSinks } from './project-sinks.ts';
import { acquireRole, assertRolePossible, type RoleLock } from './roles.ts';
import { emptyStatus, type StatusReport, storeStatus } from './status.ts';

/**
 * Warehouse -> sinks, in a process of its own. It needs the state folder of the layers, which says what is published, and neither
 * source nor loaders.
 */
export class SinksRole implements AsyncDisposable {
  readonly #stages: WarehouseStages;
  readonly #sinks: ProjectSinks;
  readonly #lock: RoleLock;

  static async open(config: ProjectConfig, logger: Logger): Promise<SinksRole> {
    assertRolePossible(config, 'sinks');
    const lock = acquireRole(config, 'sinks');
    let stages: WarehouseStages | undefined;
    try {
      stages = await openWarehouseStages(config, logger);
      const sinks = await ProjectSinks.open(config, { ...stages, logger });
      return new SinksRole(stages, sinks, lock);
    } catch (error) {
      await stages?.[Symbol.asyncDispose]();
      lock.release();
      throw error;
    }
  }

  private constructor(stages: WarehouseStages, sinks: ProjectSinks, lock: RoleLock) {
    this.#stages = stages;
    this.#sinks = sinks;
    this.#lock = lock;
  }

  /** Works until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const stop = new AbortController();
    const inner = AbortSignal.any([signal, stop.signal]);
    const reporting = this.#reportStatus(inner);
    try {
      await this.#sinks.run(inner);
    } finally {
      stop.abort();
      await reporting;
      await this.#store();
    }
  }

  status(): StatusReport {
    return {
      ...emptyStatus,
      running: { pid: process.pid, since: this.#lock.since },
      sinks: this.#sinks.status(),
      updatedAt: new Date().toISOString(),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sinks[Symbol.asyncDispose]();
    await this.#stages[Symbol.asyncDispose]();
    this.#lock.release();
  }

  async #reportStatus(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#store();
      await delay(1_000, undefined, { signal }).catch(() => undefined);
    }
  }

  #store(): Promise<void> {
    return storeStatus(this.#stages.catalog, this.status(), { role: 'sinks', number: 1 });
  }
}
