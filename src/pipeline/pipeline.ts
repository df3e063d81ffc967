import { setTimeout as delay } from 'node:timers/promises';
import type { TableId } from '../change/table-id.ts';
import type { ProjectConfig } from '../config/project-config.ts';
import { CdcError } from '../errors.ts';
import type { LoadStep } from '../load/load-step.ts';
import type { Logger } from '../ops/logger.ts';
import { Capture } from './capture.ts';
import { openStages, parallelTables, type Stages } from './compose.ts';
import { type ConsumerLag, consumerLag } from './consumer-lag.ts';
import { FreshnessProbe } from './freshness-probe.ts';
import { RateMeter } from './rate-meter.ts';
import { pendingRebuilds, rebuildKeys } from './rebuild-requests.ts';
import { acquireRole, type RoleLock } from './roles.ts';
import { SettledTables } from './settled-tables.ts';
import { startStreaming } from './start-streaming.ts';
import { emptyStatus, type StatusReport, storeStatus } from './status.ts';
import {
  freshnessStatus,
  layersStatus,
  logStatus,
  pausedErrors,
  RecentErrors,
  type ServerName,
  snapshotStatus,
  sourceStatus,
  stoppedErrors,
  unmatchedStatus,
} from './status-parts.ts';
import { type Cut, Warehouse } from './warehouse.ts';

export interface PipelineOptions {
  readonly logger: Logger;
  /** Milliseconds between two freshness probes. */
  readonly probeEveryMs?: number;
  /** Snapshots are limited to these tables; all captured tables when absent. */
  readonly only?: (table: TableId) => boolean;
}

/** Everything of one project at work in this process: capture, load, layers, and how they are doing. */
export class Pipeline implements AsyncDisposable {
  readonly stages: Stages;
  readonly capture: Capture;
  readonly probe: FreshnessProbe;
  readonly #lock: RoleLock;
  readonly #logger: Logger;
  readonly #warehouse: Warehouse;
  readonly #settled: SettledTables;
  readonly #errors = new RecentErrors();
  readonly #rates = new RateMeter();
  #server: ServerName | undefined;
  #consumers: readonly ConsumerLag[] = [];
  #totals = { rows: 0, transactions: 0 };
  #lastStep:
    | { readonly committedAtMs: number | undefined; readonly loadedAtMs: number }
    | undefined;
  #onPublish: (cut: Cut) => Promise<void> = async () => undefined;

  /** Takes the project's run lock and opens its stages. Throws CDC_PROJECT_LOCKED. */
  static async open(config: ProjectConfig, options: PipelineOptions): Promise<Pipeline> {
    const lock = acquireRole(config, 'all');
    const settled = new SettledTables();
    try {
      const stages = await openStages(config, options.logger, (log) => settled.schemas(log));
      return new Pipeline(config, options, lock, stages, settled);
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  private constructor(
    config: ProjectConfig,
    options: PipelineOptions,
    lock: RoleLock,
    stages: Stages,
    settled: SettledTables,
  ) {
    this.#lock = lock;
    this.#logger = options.logger;
    this.#settled = settled;
    this.stages = stages;
    this.probe = new FreshnessProbe(stages.source, options.probeEveryMs);
    const onError = this.#errors.add.bind(this.#errors);
    this.capture = new Capture({
      source: stages.source,
      router: stages.router,
      log: stages.log,
      catalog: stages.catalog,
      logger: options.logger,
      parallelTables: parallelTables(config),
      only: options.only ?? (() => true),
      onError,
    });
    this.#warehouse = new Warehouse({
      ...stages,
      logger: options.logger,
      settle: (step) => settled.note(stages.log, stages.loader, step),
      onLoad: (step) => this.#noteStep(step),
      onPublish: (cut) => this.#notePublished(cut),
      onError,
    });
  }

  get cut(): Cut | undefined {
    return this.#warehouse.cut;
  }

  /**
   * Works until the signal aborts, or until a cut is published that is enough and holds every captured
   * table (or those of `only`); says whether that was the end. The first stream position is fixed
   * before anything is read, so nothing committed from then on is missed.
   */
  async run(signal: AbortSignal, isEnough?: (cut: Cut) => boolean): Promise<boolean> {
    await startStreaming(this.stages, this.#logger);
    this.#server = await this.stages.source.describe();
    this.#settled.resume(this.stages.log, this.stages.loader, this.#warehouse.publishedTables());
    const stop = new AbortController();
    const inner = AbortSignal.any([signal, stop.signal]);
    let isComplete = false;
    let reaching: Promise<void> | undefined;
    const finish = async (cut: Cut) => {
      await this.stages.sinks.reach(cut, inner).finally(() => {
        isComplete = !inner.aborted;
        stop.abort();
      });
    };
    this.#onPublish = async (cut) => {
      if (!isEnough?.(cut) || !(await this.#isSettled())) return;
      reaching ??= finish(cut);
      // It is thrown at the end.
      reaching.catch(() => undefined);
    };
    const tasks = [
      this.capture.run(inner),
      this.#warehouse.run(inner, isEnough !== undefined),
      this.stages.sinks.run(inner),
      this.probe.run(inner, () => this.cut?.position),
      this.#reportStatus(inner),
    ];
    try {
      await Promise.all(tasks);
    } finally {
      stop.abort();
      await Promise.allSettled([...tasks, reaching]);
      await storeStatus(this.stages.catalog, this.status());
    }
    // Throws why a sink could not follow.
    await reaching;
    return isComplete;
  }

  /** Builds what has changed in the layer files, from ODS as it is; the pipeline must not be running. */
  async applyLayers(signal: AbortSignal): Promise<void> {
    this.#settled.resume(this.stages.log, this.stages.loader, this.#warehouse.publishedTables());
    await this.stages.layers.apply(signal);
  }

  /** Puts the models back as they were before a change; the pipeline must not be running. */
  async rollbackLayers(change: number, signal: AbortSignal): Promise<void> {
    this.#settled.resume(this.stages.log, this.stages.loader, this.#warehouse.publishedTables());
    const { layers } = this.stages;
    if (this.cut === undefined) {
      throw new CdcError('CDC_NOT_INITIALIZED', 'Rolling back: nothing has been built yet.');
    }
    await Promise.all([layers.rollback(change), this.#warehouse.refreshOnce(signal)]);
  }

  /** Rebuilds the models that were asked for; the pipeline must not be running. */
  async rebuildLayers(signal: AbortSignal): Promise<void> {
    const { catalog, layers, log, loader } = this.stages;
    this.#settled.resume(log, loader, this.#warehouse.publishedTables());
    const asked = pendingRebuilds(catalog);
    await layers.rebuild(new Set(asked.keys()), signal);
    await catalog.batch(rebuildKeys(catalog, asked));
  }

  status(): StatusReport {
    const { log, loader, layers } = this.stages;
    const cut = this.cut;
    const { end } = this.probe;
    return {
      ...emptyStatus,
      running: { pid: process.pid, since: this.#lock.since },
      source: sourceStatus(log, this.#server, this.probe),
      lag: end ? { bytes: Math.max(0, end.bytes), seconds: this.#lagSeconds() } : null,
      freshness: freshnessStatus(this.probe),
      rows: { perSecond: this.#rates.perSecond(), total: this.#totals.rows },
      transactions: this.#totals.transactions,
      log: logStatus(log, loader.offset()),
      consumers: this.#consumers,
      snapshot: snapshotStatus(log),
      unmatched: unmatchedStatus(log),
      layers: layersStatus(layers, cut),
      sinks: this.stages.sinks.status(),
      errors: [...stoppedErrors(log), ...pausedErrors(loader.paused()), ...this.#errors.list()],
      updatedAt: new Date().toISOString(),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stages[Symbol.asyncDispose]();
    this.#lock.release();
  }

  async #isSettled(): Promise<boolean> {
    const missing = await this.capture.missingTables();
    const paused = new Set(this.stages.loader.paused().map(({ table }) => table));
    return missing.length === 0 && this.#settled.all(this.stages.log, paused);
  }

  #noteStep(step: LoadStep): void {
    this.#lastStep = { committedAtMs: step.committedAtMs, loadedAtMs: performance.now() };
    this.#totals = {
      rows: this.#totals.rows + step.rows,
      transactions: this.#totals.transactions + step.transactions,
    };
    this.#rates.add(step.rows);
  }

  #notePublished(cut: Cut): void {
    this.probe.published(cut.position);
    // A source that does not answer is for the stream to report; the next cut asks again.
    this.#onPublish(cut).catch(() => undefined);
  }

  /**
   * Age of the oldest change that no cut shows. We know since when we have been behind; where the
   * backlog is older than that, the commit time of what was loaded since tells.
   */
  #lagSeconds(): number {
    const behindSinceMs = this.probe.behindSinceMs();
    if (behindSinceMs === undefined) return 0;
    const behindMs = performance.now() - behindSinceMs;
    const step = this.#lastStep;
    const isOfBacklog = step !== undefined && step.loadedAtMs >= behindSinceMs;
    const committedAtMs = isOfBacklog ? step.committedAtMs : undefined;
    const ageMs = committedAtMs === undefined ? 0 : Date.now() - committedAtMs;
    return Math.round(Math.max(behindMs, ageMs)) / 1000;
  }

  async #reportStatus(signal: AbortSignal): Promise<void> {
    const { log, loader } = this.stages;
    while (!signal.aborted) {
      const lags = loader.shares.map((share) => consumerLag(log, share));
      // A log that does not answer is for the loader to report.
      this.#consumers = await Promise.all(lags).catch(() => this.#consumers);
      await storeStatus(this.stages.catalog, this.status());
      await delay(1_000, undefined, { signal }).catch(() => undefined);
    }
  }
}
