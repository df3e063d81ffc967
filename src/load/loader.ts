import { setTimeout as delay } from 'node:timers/promises';
import PQueue from 'p-queue';
import type { Catalog } from '../catalog/catalog.ts';
import type { Position } from '../change/position.ts';
import type { TableId } from '../change/table-id.ts';
import { withinTime } from '../lib/time-limit.ts';
import type { Logger } from '../ops/logger.ts';
import type { ChangeFeed, FeedEntry } from './change-feed.ts';
import { LoadPlan, loadedPosition, releaseKeys } from './load-plan.ts';
import type { LoadStep } from './load-step.ts';
import type { Ods } from './ods.ts';
import type { LoadOptions } from './options.ts';
import { type PausedTable, pausedTables, pauseKeys } from './paused-tables.ts';
import { TableLoader, type TableOutcome } from './table-loader.ts';
import { groupByTable, type TableOperation } from './table-operations.ts';
import { truncationKeys, truncations } from './truncations.ts';

/** Name of a loader that does all the work; the log keeps its offset under it. */
export const warehouseConsumer = 'warehouse';

/** Tables written at once. The engine uses every core for one write; a few more hide the network. */
const parallelTables = 4;
/** An idle step returns after this long, so that its caller sees to other things. */
const idleMs = 100;
/** Less than this is little: worth a short wait for more. */
const littleBytes = 1024 ** 2;

export interface LoaderOptions {
  readonly log: ChangeFeed;
  readonly ods: Ods;
  readonly catalog: Catalog;
  readonly options: Pick<LoadOptions, 'maxBatchBytes' | 'flushMs'>;
  readonly logger: Logger;
  /** Name under which the log keeps the offset. */
  readonly consumer?: string;
}

/**
 * Log -> ODS, one batch a step.
 *
 * Within a batch, rows are not reduced to the last one of a key: every row carries the version of its
 * place in the source, the store keeps the highest version of a key, and equal versions are equal
 * rows. So the order in which rows are written, and how often, does not change what is read.
 * What does need order is a barrier of a table (schema, truncate, sweep) against that table's rows.
 *
 * A table that ODS refuses for good is paused, and named in the catalog (`load/paused/<table>`);
 * the others go on. `release`, or a schema change that reads the table again, ends the pause.
 */
export class Loader {
  readonly #log: ChangeFeed;
  readonly #catalog: Catalog;
  readonly #options: LoaderOptions['options'];
  readonly #consumer: string;
  readonly #tables: TableLoader;
  #steppedAt = Number.NEGATIVE_INFINITY;

  constructor({ log, ods, catalog, options, logger, consumer }: LoaderOptions) {
    this.#consumer = consumer ?? warehouseConsumer;
    this.#log = log;
    this.#catalog = catalog;
    this.#options = options;
    this.#tables = new TableLoader({ ods, log, logger: logger.child({ component: 'loader' }) });
  }

  /** Entries before it are loaded. */
  offset(): number {
    return this.#log.committed(this.#consumer);
  }

  /** A step was begun, perhaps by an earlier process, and has still to be finished. */
  isUnfinished(): boolean {
    return LoadPlan.find(this.#catalog, this.offset()) !== undefined;
  }

  /** The place in the stream up to which everything is loaded. */
  position(): Position | undefined {
    return loadedPosition(this.#catalog, this.offset());
  }

  /** Ends the pause of these tables; each is made anew before the next change of it is written. */
  async release(tables: readonly TableId[]): Promise<void> {
    const paused = pausedTables(this.#catalog);
    const released = tables.filter((table) => paused.has(table));
    const ended = new Map(released.map((table) => [table, undefined]));
    await this.#catalog.batch({ ...releaseKeys(released), ...pauseKeys(ended) });
  }

  /**
   * Loads what there is, up to `maxBatchBytes`, and no entry at or behind `until`. Waits a moment when
   * there is nothing and then resolves to undefined. Throws what neither a repeat nor pausing a table
   * can mend; the next step sends the same batch again, whatever its `until` is.
   */
  async step(signal: AbortSignal, until?: number): Promise<LoadStep | undefined> {
    const from = this.offset();
    const found = LoadPlan.find(this.#catalog, from);
    const entries = found
      ? await this.#readRange(from, found.to, signal)
      : await this.#readNew(from, signal, until);
    const last = entries.at(-1);
    if (last === undefined || signal.aborted) return undefined;
    const range = { from, to: last.next };
    const plan = found ?? (await LoadPlan.make(this.#catalog, entries, range));

    const paused = pausedTables(this.#catalog);
    const truncatedBefore = truncations(this.#catalog);
    const truncatedAt = new Map(truncatedBefore);
    const operations = groupByTable(entries, truncatedAt);
    const outcomes = await this.#loadTables(plan, operations, paused, signal);
    // Before the offset moves, and the same when the step is repeated.
    const pauses = outcomes
      .filter(({ table, pause }) => pause !== undefined || paused.has(table))
      .map(({ table, pause }) => [table, pause] as const);
    const truncates = [...truncatedAt].filter(
      ([table, version]) => truncatedBefore.get(table) !== version,
    );
    const keys = { ...pauseKeys(new Map(pauses)), ...truncationKeys(new Map(truncates)) };
    if (Object.keys(keys).length > 0) await this.#catalog.batch(keys);
    const step = summarize(plan, entries, outcomes, paused);
    await this.#log.commit(this.#consumer, plan.to, step);
    this.#steppedAt = performance.now();
    return step;
  }

  /** Waits for entries that this process has not seen yet. */
  async #readRange(from: number, to: number, signal: AbortSignal): Promise<FeedEntry[]> {
    const entries: FeedEntry[] = [];
    for (let next = from; next < to && !signal.aborted; next = entries.at(-1)?.next ?? from) {
      await this.#log.waitFor(next, signal);
      entries.push(...(await this.#log.read(next, this.#options.maxBatchBytes)));
    }
    return entries.filter(({ offset }) => offset < to);
  }

  async #readNew(from: number, signal: AbortSignal, until?: number): Promise<FeedEntry[]> {
    const { maxBatchBytes, flushMs } = this.#options;
    if (until !== undefined) {
      const found = from < until ? await this.#log.read(from, maxBatchBytes) : [];
      return found.filter(({ offset }) => offset < until);
    }
    await withinTime(idleMs, signal, (inner) => this.#log.waitFor(from, inner));
    const entries = await this.#log.read(from, maxBatchBytes);
    // Alone a change goes at once; changes that follow one another closely are written together.
    const waitMs = flushMs - (performance.now() - this.#steppedAt);
    if (entries.length === 0 || waitMs <= 0 || rowBytes(entries) >= littleBytes) return entries;
    await delay(waitMs, undefined, { signal }).catch(() => undefined);
    return await this.#log.read(from, maxBatchBytes);
  }

  async #loadTables(
    plan: LoadPlan,
    tables: ReadonlyMap<TableId, readonly TableOperation[]>,
    paused: ReadonlyMap<TableId, PausedTable>,
    signal: AbortSignal,
  ): Promise<TableOutcome[]> {
    const queue = new PQueue({ concurrency: parallelTables });
    const results = await Promise.allSettled(
      [...tables].map(([table, operations]) => {
        const work = { plan, table, operations, pause: paused.get(table), signal };
        return queue.add(() => this.#tables.load(work));
      }),
    );
    return results.map((result) => {
      if (result.status === 'rejected') throw result.reason;
      return result.value;
    });
  }
}

function rowBytes(entries: readonly FeedEntry[]): number {
  return entries
    .flatMap(({ batch }) => batch.sections)
    .reduce((sum, section) => sum + ('bytes' in section ? section.bytes.length : 0), 0);
}

function summarize(
  plan: LoadPlan,
  entries: readonly FeedEntry[],
  outcomes: readonly TableOutcome[],
  paused: ReadonlyMap<TableId, PausedTable>,
): LoadStep {
  const loaded = outcomes.filter(({ pause }) => pause === undefined);
  const tables = new Set(loaded.map(({ table }) => table));
  const lastTransaction = entries.findLast(({ batch }) => batch.transactions > 0)?.batch;
  return {
    from: plan.from,
    to: plan.to,
    position: plan.position,
    tables,
    rows: loaded.reduce((sum, { rows }) => sum + rows, 0),
    transactions: entries.reduce((sum, { batch }) => sum + batch.transactions, 0),
    committedAtMs: lastTransaction?.committedAtMs,
    receivedAtMs: lastTransaction?.receivedAtMs,
    sweeps: entries
      .flatMap(({ batch }) => batch.sections)
      .filter((section) => section.kind === 'sweep')
      .filter(({ table }) => tables.has(table)),
    resnapshotted: loaded.filter(({ isRecreated }) => isRecreated).map(({ table }) => table),
    paused: outcomes.flatMap(({ table, pause }) => (pause && !paused.has(table) ? [pause] : [])),
  };
}
