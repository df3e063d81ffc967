import { setTimeout as delay } from 'node:timers/promises';
import PQueue from 'p-queue';
import type { Catalog } from '../catalog/catalog.ts';
import { CdcError } from '../errors.ts';
import type { Logger } from '../ops/logger.ts';
import type { FeedTable } from '../sink/feed.ts';
import type { SinkOptions } from '../sink/options.ts';
import type { Sink } from '../sink/sink.ts';
import { incompatibleTable } from '../sink/sink-errors.ts';
import { TableCopier, type TableCopierOptions } from '../sink/table-copier.ts';
import { wantsTable } from '../sink/table-plan.ts';
import { RateMeter } from './rate-meter.ts';
import type { WarehouseFeed } from './sink-feed.ts';
import { closeRequest, requestsOf } from './sink-requests.ts';
import type { SinkStatus, SinkTableStatus } from './sink-status.ts';
import type { Cut } from './warehouse.ts';

/** A sink whose store needs somebody to act is tried again this often. */
const refusedWaitMs = 30_000;
const firstWaitMs = 200;
const longestWaitMs = 15_000;
/** How often it is looked whether there is another cut. */
const pollMs = 25;

export interface SinkRunnerOptions {
  readonly options: SinkOptions;
  readonly sink: Sink;
  readonly feed: WarehouseFeed;
  readonly catalog: Catalog;
  readonly copying: Omit<TableCopierOptions, 'sink' | 'options'>;
  readonly logger: Logger;
}

interface TableState {
  readonly copier: TableCopier;
  /** Position of the cut that the store has all of. */
  position: string | null;
  rows: number;
  refused: number;
  copiedAtMs: number;
  /** Why it does not go on; tried again at the next start. */
  error?: CdcError;
}

/**
 * Keeps one sink at the last published cut, by itself: its tables side by side, each from the place that its store has. A table
 * that the store cannot hold is paused alone; a store that does not answer, or needs somebody to act, is tried again for as long
 * as the process runs.
 */
export class SinkRunner {
  readonly #setup: SinkRunnerOptions;
  readonly #tables = new Map<string, TableState>();
  readonly #rates = new RateMeter();
  #cut: Cut | undefined;
  /** The cut of the last round, and when tables that wait are due. */
  #lookedAtMs = 0;
  #dueAtMs = 0;
  #isHurried = false;
  /** When the sink was last seen to have all of the newest cut; before that, since when it is not. */
  #behindSinceMs: number | undefined = Date.now();
  #error: CdcError | undefined;

  constructor(setup: SinkRunnerOptions) {
    this.#setup = setup;
  }

  get name(): string {
    return this.#setup.options.name;
  }

  /** Why nothing goes on without somebody acting. */
  get refusal(): CdcError | undefined {
    return this.#error?.kind === 'transient' ? undefined : this.#error;
  }

  /** Why one of its tables does not go on. */
  get tableRefusal(): CdcError | undefined {
    return [...this.#tables.values()].find(({ error }) => error !== undefined)?.error;
  }

  /** Everything of this cut is in the store, but for paused tables. */
  hasReached(cut: Cut): boolean {
    return this.#cut !== undefined && this.#cut.publishedAtMs >= cut.publishedAtMs;
  }

  /** Copies at once from now on, whatever `everySeconds` says: somebody waits for it. */
  hurry(): void {
    this.#isHurried = true;
    this.#dueAtMs = 0;
  }

  /** Works until the signal aborts. Throws what is a mistake of ours only. */
  async run(signal: AbortSignal): Promise<void> {
    const { logger } = this.#setup;
    let waitMs = firstWaitMs;
    while (!signal.aborted) {
      try {
        await this.#round(signal);
        this.#error = undefined;
        waitMs = firstWaitMs;
        await delay(pollMs, undefined, { signal }).catch(() => undefined);
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof CdcError) || error.kind === 'bug') throw error;
        this.#error = error;
        this.#dueAtMs = 0;
        const isTransient = error.kind === 'transient';
        const pauseMs = isTransient ? waitMs : refusedWaitMs;
        const fields = { sink: this.name, code: error.code, error: error.message, waitMs: pauseMs };
        if (isTransient) logger.warn(fields, 'Trying the sink again.');
        else logger.error(fields, 'The sink waits for somebody to act.');
        await this.#pause(pauseMs, signal);
        waitMs = Math.min(waitMs * 2, longestWaitMs);
      }
    }
  }

  /** Copies what there is up to the newest cut, once. */
  async #round(signal: AbortSignal): Promise<void> {
    const { feed, catalog } = this.#setup;
    const cut = feed.cut();
    const requests = requestsOf(catalog, this.name);
    if (cut === undefined) return;
    const isSame = this.#lookedAtMs === cut.publishedAtMs && Date.now() < this.#dueAtMs;
    if (isSame && requests.size === 0) return;
    this.#dueAtMs = Number.POSITIVE_INFINITY;
    if (this.#cut !== undefined && !this.hasReached(cut)) this.#behindSinceMs ??= Date.now();
    const all = await feed.tables(signal);
    const wanted = all.filter(({ source }) => wantsTable(this.#setup.options, source));
    for (const [key, { tables }] of requests) {
      await this.#makeAnew(wanted, tables);
      await closeRequest(catalog, key);
    }
    const queue = new PQueue({ concurrency: this.#setup.options.parallelTables });
    const failures: unknown[] = [];
    const targets = new Map<string, string>();
    for (const table of wanted) {
      void queue.add(() =>
        this.#bring(table, targets, signal).catch((error) => failures.push(error)),
      );
    }
    await queue.onIdle();
    signal.throwIfAborted();
    if (failures.length > 0) throw failures[0];
    this.#lookedAtMs = cut.publishedAtMs;
    const isWhole = wanted.every(({ source, position }) => {
      const state = this.#tables.get(source);
      return state?.error !== undefined || state?.position === position;
    });
    if (!isWhole) return;
    this.#cut = cut;
    this.#behindSinceMs = undefined;
  }

  async #bring(table: FeedTable, targets: Map<string, string>, signal: AbortSignal): Promise<void> {
    const state = this.#state(table.source);
    if (state.error !== undefined) return;
    const dueAtMs = state.copiedAtMs + this.#setup.options.everySeconds * 1000;
    // A first fill is not held back.
    if (Date.now() < dueAtMs && state.position !== null && !this.#isHurried) {
      this.#dueAtMs = Math.min(this.#dueAtMs, dueAtMs);
      return;
    }
    try {
      const { target } = (await state.copier.plan(table)).table;
      const other = targets.get(target);
      targets.set(target, table.source);
      if (other !== undefined) {
        const why = `${other} goes into the same table ${target} already.`;
        const remedy = 'Give one of them another name: `naming`, or `to` in the sink’s overrides.';
        throw incompatibleTable(table.source, why, { remedy });
      }
      for (;;) {
        const step = await state.copier.copy(table, signal);
        state.rows += step.rows;
        state.refused += step.refused;
        this.#rates.add(step.rows);
        if (step.rows > 0) state.copiedAtMs = Date.now();
        if (step.isCurrent) break;
      }
      state.position = table.position;
    } catch (error) {
      if (!(error instanceof CdcError) || error.code !== 'CDC_SINK_INCOMPATIBLE') throw error;
      state.error = error;
      const { logger } = this.#setup;
      logger.error({ sink: this.name, table: table.source, error }, 'A table of the sink stopped.');
    }
  }

  /** Removes tables from the store, so that they are filled from the beginning. */
  async #makeAnew(wanted: readonly FeedTable[], tables: readonly string[]): Promise<void> {
    for (const table of wanted.filter(({ source }) => tables.includes(source))) {
      this.#tables.delete(table.source);
      await this.#state(table.source).copier.drop(table);
    }
    this.#cut = undefined;
    this.#dueAtMs = 0;
  }

  #state(source: string): TableState {
    const known = this.#tables.get(source);
    if (known !== undefined) return known;
    const { sink, options, copying } = this.#setup;
    const copier = new TableCopier(source, { ...copying, sink, options });
    const state = { copier, position: null, rows: 0, refused: 0, copiedAtMs: 0 };
    this.#tables.set(source, state);
    return state;
  }

  /** Waits, but not when something is asked of the sink. */
  async #pause(ms: number, signal: AbortSignal): Promise<void> {
    const endMs = Date.now() + ms;
    while (!signal.aborted && Date.now() < endMs) {
      if (requestsOf(this.#setup.catalog, this.name).size > 0) return;
      await delay(100, undefined, { signal }).catch(() => undefined);
    }
  }

  status(): SinkStatus {
    const { options } = this.#setup;
    const tables = [...this.#tables].map(([table, state]): SinkTableStatus => {
      const { position, rows, refused, error } = state;
      const place = state.copier.place;
      return {
        table,
        position: position ?? place?.position ?? null,
        state: error ? 'stopped' : position === null ? 'filling' : 'following',
        rows,
        refused,
        ...(error && { error: { code: error.code, message: error.message } }),
      };
    });
    const behindMs = this.#behindSinceMs === undefined ? 0 : Date.now() - this.#behindSinceMs;
    const error = this.#error;
    return {
      name: options.name,
      type: options.type,
      behindSeconds: Math.round(behindMs / 100) / 10,
      rows: {
        perSecond: this.#rates.perSecond(),
        total: tables.reduce((sum, { rows }) => sum + rows, 0),
      },
      tables,
      ...(error && { error: { code: error.code, message: error.message, remedy: error.remedy } }),
    };
  }
}
