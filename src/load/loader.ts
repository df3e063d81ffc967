import { setTimeout as delay } from 'node:timers/promises';
import PQueue from 'p-queue';
import type { Catalog } from '../catalog/catalog.ts';
import type { SweepSection } from '../change/change-batch.ts';
import type { Position } from '../change/position.ts';
import type { TableId } from '../change/table-id.ts';
import { CdcError } from '../errors.ts';
import { retry } from '../lib/retry.ts';
import type { Logger } from '../ops/logger.ts';
import type { ChangeFeed, FeedEntry } from './change-feed.ts';
import { LoadPlan, loadedPosition, releaseKeys } from './load-plan.ts';
import type { LoadOptions } from './options.ts';
import { type PausedTable, pausedTables, pauseFor, pauseKeys } from './paused-tables.ts';
import type { Sink } from './sink.ts';
import { countRows, groupByTable, type TableOperation } from './table-operations.ts';

/** Name under which the log keeps the loader's offset. */
export const warehouseConsumer = 'warehouse';

/** Tables written at once. The engine uses every core for one write; a few more hide the network. */
const parallelTables = 4;
/** An idle step returns after this long, so that its caller sees to other things. */
const idleMs = 100;
/** Less than this is little: worth a short wait for more. */
const littleBytes = 1024 ** 2;

/** What one step has done. */
export interface LoadStep {
  readonly from: number;
  /** Offset after the last entry loaded. */
  readonly to: number;
  /** Place in the stream after these entries; undefined before the first of the stream. */
  readonly position: Position | undefined;
  /** Tables whose rows or columns changed. */
  readonly tables: ReadonlySet<TableId>;
  readonly rows: number;
  readonly transactions: number;
  /** Of the last transaction in the step: commit time by the source's clock, arrival by ours. */
  readonly committedAtMs: number | undefined;
  readonly receivedAtMs: number | undefined;
  /** Ends of snapshots: the tables are complete from here on. */
  readonly sweeps: readonly SweepSection[];
  /** Tables that were emptied and are being read again. */
  readonly resnapshotted: readonly TableId[];
  /** Tables paused in this step. */
  readonly paused: readonly PausedTable[];
}

export interface LoaderOptions {
  readonly log: ChangeFeed;
  readonly sink: Sink;
  readonly catalog: Catalog;
  readonly options: LoadOptions;
  readonly logger: Logger;
}

interface TableOutcome {
  readonly table: TableId;
  readonly rows: number;
  readonly sweeps: readonly SweepSection[];
  readonly isRecreated: boolean;
  /** Set: paused, or still paused; undefined while `wasPaused`: the pause is over. */
  readonly paused?: PausedTable;
  readonly wasPaused: boolean;
}

/**
 * Log -> sink, one batch a step.
 *
 * Within a batch, rows are not reduced to the last one of a key: every row carries the version of its
 * place in the source, the store keeps the highest version of a key, and equal versions are equal
 * rows. So the order in which rows are written, and how often, does not change what is read.
 * What does need order is a barrier of a table (schema, truncate, sweep) against that table's rows.
 *
 * A table that the sink refuses for good is paused, and named in the catalog (`load/paused/<table>`);
 * the others go on. `release`, or a schema change that reads the table again, ends the pause.
 */
export class Loader {
  readonly #log: ChangeFeed;
  readonly #sink: Sink;
  readonly #catalog: Catalog;
  readonly #options: LoadOptions;
  readonly #logger: Logger;
  #steppedAt = Number.NEGATIVE_INFINITY;

  constructor({ log, sink, catalog, options, logger }: LoaderOptions) {
    this.#log = log;
    this.#sink = sink;
    this.#catalog = catalog;
    this.#options = options;
    this.#logger = logger.child({ component: 'loader' });
  }

  /** Entries before it are loaded. */
  offset(): number {
    return this.#log.committed(warehouseConsumer);
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
   * Loads what there is, up to `maxBatchBytes`. Waits a moment when there is nothing and then
   * resolves to undefined. Throws what neither a repeat nor pausing a table can mend; the next step
   * sends the same batch again.
   */
  async step(signal: AbortSignal): Promise<LoadStep | undefined> {
    const from = this.offset();
    const found = LoadPlan.find(this.#catalog, from);
    const entries = found ? this.#readRange(from, found.to) : await this.#readNew(from, signal);
    const last = entries.at(-1);
    if (last === undefined || signal.aborted) return undefined;
    const range = { from, to: last.offset + 1 };
    const plan = found ?? (await LoadPlan.make(this.#catalog, entries, range));

    const outcomes = await this.#loadTables(plan, groupByTable(entries), signal);
    const changes = outcomes
      .filter(({ paused, wasPaused }) => wasPaused || paused !== undefined)
      .map(({ table, paused }) => [table, paused] as const);
    if (changes.length > 0) await this.#catalog.batch(pauseKeys(new Map(changes)));
    await this.#log.commit(warehouseConsumer, plan.to);
    this.#steppedAt = performance.now();
    return summarize(plan, entries, outcomes);
  }

  #readRange(from: number, to: number): FeedEntry[] {
    const entries: FeedEntry[] = [];
    while (from + entries.length < to) {
      entries.push(...this.#log.read(from + entries.length, this.#options.maxBatchBytes));
    }
    return entries.slice(0, to - from);
  }

  async #readNew(from: number, signal: AbortSignal): Promise<FeedEntry[]> {
    const { maxBatchBytes, flushMs } = this.#options;
    await this.#log.waitFor(from, AbortSignal.any([signal, AbortSignal.timeout(idleMs)]));
    const entries = this.#log.read(from, maxBatchBytes);
    // Alone a change goes at once; changes that follow one another closely are written together.
    const waitMs = flushMs - (performance.now() - this.#steppedAt);
    if (entries.length === 0 || waitMs <= 0 || rowBytes(entries) >= littleBytes) return entries;
    await delay(waitMs, undefined, { signal }).catch(() => undefined);
    return this.#log.read(from, maxBatchBytes);
  }

  async #loadTables(
    plan: LoadPlan,
    tables: ReadonlyMap<TableId, readonly TableOperation[]>,
    signal: AbortSignal,
  ): Promise<TableOutcome[]> {
    const paused = pausedTables(this.#catalog);
    const queue = new PQueue({ concurrency: parallelTables });
    const results = await Promise.allSettled(
      [...tables].map(([table, operations]) =>
        queue.add(() => this.#loadTable({ plan, table, operations, signal }, paused.get(table))),
      ),
    );
    return results.map((result) => {
      if (result.status === 'rejected') throw result.reason;
      return result.value;
    });
  }

  async #loadTable(work: TableWork, paused: PausedTable | undefined): Promise<TableOutcome> {
    const { plan, table, operations } = work;
    const wasPaused = paused !== undefined;
    const recreates = plan.recreates(table);
    const start = wasPaused ? operations.findIndex(isResnapshot) : 0;
    const skipped = countRows(start < 0 ? operations : operations.slice(0, start));
    const none = { table, rows: 0, sweeps: [], isRecreated: false, wasPaused };
    if (paused !== undefined && start < 0) {
      return { ...none, paused: { ...paused, skippedRows: paused.skippedRows + skipped } };
    }
    try {
      if (recreates && plan.doneOf(table) === 0) await this.#recreate(work);
      await this.#apply(work, Math.max(start, plan.doneOf(table)));
    } catch (error) {
      const pause = pauseFor(table, error, (paused?.skippedRows ?? 0) + countRows(operations));
      if (pause === undefined) throw error;
      this.#logger.error({ table, error }, 'Table paused.');
      return { ...none, paused: pause };
    }
    return {
      ...none,
      rows: countRows(operations) - skipped,
      sweeps: operations.filter((operation) => operation.kind === 'sweep'),
      isRecreated: recreates || operations.some(isResnapshot),
    };
  }

  async #apply(work: TableWork, start: number): Promise<void> {
    const { plan, table, operations } = work;
    for (const [index, operation] of operations.entries()) {
      if (index < start) continue;
      // Rows in the old columns do not fit any more once these are applied, so never send them again.
      if (operation.kind === 'schema' && index > 0) await plan.recordDone(table, index);
      const token = plan.token(table, index);
      await this.#retry(work, () => this.#perform(operation, table, token));
    }
  }

  async #perform(operation: TableOperation, table: TableId, token: string): Promise<void> {
    switch (operation.kind) {
      case 'schema':
        return this.#sink.applySchema(operation);
      case 'truncate':
      case 'sweep':
        return this.#sink.deleteOlder(operation);
      case 'rows': {
        const { rowCount, chunks, schemaVersion } = operation;
        const schema = this.#schema(table, schemaVersion);
        return this.#sink.write({ schema, rowCount, chunks, token });
      }
    }
  }

  /** Makes a released table anew, in the columns of its first rows. */
  async #recreate(work: TableWork): Promise<void> {
    const { table, operations } = work;
    const first = operations.find(({ kind }) => kind === 'rows' || kind === 'schema');
    if (first?.kind !== 'rows' && first?.kind !== 'schema') return;
    const schema =
      first.kind === 'schema' ? first.schema : this.#schema(table, first.schemaVersion);
    await this.#retry(work, () =>
      this.#sink.applySchema({
        kind: 'schema',
        table,
        schema,
        existingRows: 'resnapshot',
        version: 0n,
      }),
    );
  }

  #retry(work: TableWork, action: () => Promise<void>): Promise<void> {
    return retry(action, {
      signal: work.signal,
      isTransient: (error) => error instanceof CdcError && error.kind === 'transient',
      onRetry: (error, attempt, delayMs) =>
        this.#logger.warn({ table: work.table, error, attempt, delayMs }, 'Loading again.'),
    });
  }

  #schema(table: TableId, version: string) {
    const schema = this.#log.schema(table, version);
    if (schema === undefined) {
      const message = `Loading ${table}: the log has rows of schema version ${version}, but not the schema.`;
      throw new CdcError('CDC_LOG_CORRUPT', message, { details: { table, version } });
    }
    return schema;
  }
}

interface TableWork {
  readonly plan: LoadPlan;
  readonly table: TableId;
  readonly operations: readonly TableOperation[];
  readonly signal: AbortSignal;
}

function isResnapshot(operation: TableOperation): boolean {
  return operation.kind === 'schema' && operation.existingRows === 'resnapshot';
}

function rowBytes(entries: readonly FeedEntry[]): number {
  return entries
    .flatMap(({ batch }) => batch.sections)
    .reduce((sum, section) => sum + (section.kind === 'rows' ? section.bytes.length : 0), 0);
}

function summarize(
  plan: LoadPlan,
  entries: readonly FeedEntry[],
  outcomes: readonly TableOutcome[],
): LoadStep {
  const loaded = outcomes.filter(({ paused }) => paused === undefined);
  const lastTransaction = entries.findLast(({ batch }) => batch.transactions > 0)?.batch;
  return {
    from: plan.from,
    to: plan.to,
    position: plan.position,
    tables: new Set(loaded.map(({ table }) => table)),
    rows: loaded.reduce((sum, { rows }) => sum + rows, 0),
    transactions: entries.reduce((sum, { batch }) => sum + batch.transactions, 0),
    committedAtMs: lastTransaction?.committedAtMs,
    receivedAtMs: lastTransaction?.receivedAtMs,
    sweeps: loaded.flatMap(({ sweeps }) => sweeps),
    resnapshotted: loaded.filter(({ isRecreated }) => isRecreated).map(({ table }) => table),
    paused: outcomes.flatMap(({ paused, wasPaused }) =>
      paused !== undefined && !wasPaused ? [paused] : [],
    ),
  };
}
