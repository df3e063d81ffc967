import { setTimeout as delay } from 'node:timers/promises';
import type { Position } from '../change/position.ts';
import type { TableId } from '../change/table-id.ts';
import type { ProjectConfig } from '../config/project-config.ts';
import type { Logger } from '../ops/logger.ts';
import { Capture } from './capture.ts';
import { type CaptureStages, openCaptureStages, parallelTables } from './compose.ts';
import { FreshnessProbe } from './freshness-probe.ts';
import { acquireRole, assertRolePossible, type RoleLock } from './roles.ts';
import { startStreaming } from './start-streaming.ts';
import { emptyStatus, type StatusReport, storeStatus } from './status.ts';
import {
  freshnessStatus,
  RecentErrors,
  type ServerName,
  snapshotStatus,
  sourceStatus,
  stoppedErrors,
  unmatchedStatus,
} from './status-parts.ts';
import { type Cut, cutKey } from './warehouse.ts';

export interface CaptureRoleOptions {
  readonly logger: Logger;
  /** Snapshots are limited to these tables; all captured tables when absent. */
  readonly only?: (table: TableId) => boolean;
}

const tickMs = 20;

/**
 * Source -> log, in a process of its own; needs no warehouse. Freshness is measured here, where the source
 * is: by the cuts that the layers publish in the same state folder, and not at all without them.
 */
export class CaptureRole implements AsyncDisposable {
  readonly stages: CaptureStages;
  readonly capture: Capture;
  readonly #lock: RoleLock;
  readonly #logger: Logger;
  readonly #probe: FreshnessProbe;
  readonly #errors = new RecentErrors();
  #server: ServerName | undefined;

  static async open(config: ProjectConfig, options: CaptureRoleOptions): Promise<CaptureRole> {
    assertRolePossible(config, 'capture');
    const lock = acquireRole(config, 'capture');
    try {
      const stages = await openCaptureStages(config, options.logger);
      return new CaptureRole(config, options, stages, lock);
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  private constructor(
    config: ProjectConfig,
    { logger, only }: CaptureRoleOptions,
    stages: CaptureStages,
    lock: RoleLock,
  ) {
    this.stages = stages;
    this.#lock = lock;
    this.#logger = logger;
    this.#probe = new FreshnessProbe(stages.source);
    this.capture = new Capture({
      source: stages.source,
      router: stages.router,
      log: stages.log,
      catalog: stages.catalog,
      logger,
      parallelTables: parallelTables(config),
      only: only ?? (() => true),
      onError: (error) => this.#errors.add(error),
    });
  }

  /** Works until the signal aborts or `isEnough`, asked now and then, says so; resolves to whether it did. */
  async run(signal: AbortSignal, isEnough?: () => Promise<boolean>): Promise<boolean> {
    await startStreaming(this.stages, this.#logger);
    this.#server = await this.stages.source.describe();
    const stop = new AbortController();
    const inner = AbortSignal.any([signal, stop.signal]);
    const end = this.#awaitEnough(inner, isEnough).finally(() => stop.abort());
    const tasks = [
      this.capture.run(inner),
      this.#probe.run(inner, () => this.#cut()),
      this.#watchCuts(inner),
      this.#reportStatus(inner),
    ];
    try {
      await Promise.all([...tasks, end]);
      return await end;
    } finally {
      stop.abort();
      await Promise.allSettled(tasks);
      await this.#store();
    }
  }

  status(): StatusReport {
    const { log } = this.stages;
    const { end } = this.#probe;
    const behindSinceMs = this.#probe.behindSinceMs();
    const behindMs = behindSinceMs === undefined ? 0 : performance.now() - behindSinceMs;
    const { entries, bytes } = log.stats();
    return {
      ...emptyStatus,
      running: { pid: process.pid, since: this.#lock.since },
      source: sourceStatus(log, this.#server, this.#probe),
      lag:
        end === undefined || this.#cut() === undefined
          ? null
          : { bytes: Math.max(0, end.bytes), seconds: Math.round(behindMs) / 1000 },
      freshness: freshnessStatus(this.#probe),
      log: { entries, bytes, behind: 0 },
      snapshot: snapshotStatus(log),
      unmatched: unmatchedStatus(log),
      errors: [...stoppedErrors(log), ...this.#errors.list()],
      updatedAt: new Date().toISOString(),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stages[Symbol.asyncDispose]();
    this.#lock.release();
  }

  #cut(): Position | undefined {
    return this.stages.catalog.get<Cut>(cutKey)?.position;
  }

  async #awaitEnough(signal: AbortSignal, isEnough?: () => Promise<boolean>): Promise<boolean> {
    while (!signal.aborted) {
      if (isEnough !== undefined && (await isEnough())) return true;
      await delay(10 * tickMs, undefined, { signal }).catch(() => undefined);
    }
    return false;
  }

  /** Cuts are published by another process; only while a probe waits for one does it matter when. */
  async #watchCuts(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const position = this.#probe.behindSinceMs() === undefined ? undefined : this.#cut();
      if (position !== undefined) this.#probe.published(position);
      await delay(tickMs, undefined, { signal }).catch(() => undefined);
    }
  }

  async #reportStatus(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#store();
      await delay(1_000, undefined, { signal }).catch(() => undefined);
    }
  }

  #store(): Promise<void> {
    return storeStatus(this.stages.catalog, this.status(), { role: 'capture', number: 1 });
  }
}
