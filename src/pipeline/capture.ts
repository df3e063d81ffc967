import PQueue from 'p-queue';
import type { Catalog } from '../catalog/catalog.ts';
import type { Position } from '../change/position.ts';
import type { TableId } from '../change/table-id.ts';
import { CdcError } from '../errors.ts';
import type { ChangeLog } from '../log/change-log.ts';
import type { Logger } from '../ops/logger.ts';
import type { Router } from '../route/router.ts';
import type { SnapshotItem, Source, StreamItem } from '../source/source.ts';
import {
  completeCheckpoint,
  rereadKeys,
  type StoppedTable,
  snapshotPrefix,
  stoppedPrefix,
  streamCheckpoint,
  type TableSnapshot,
} from './capture-state.ts';
import { Resender } from './resender.ts';
import { followChangedRules } from './route-changes.ts';
import { RoutedLog } from './routed-log.ts';
import { StreamTurn } from './stream-turn.ts';
import { supervise } from './supervisor.ts';

export interface CaptureOptions {
  readonly source: Source;
  readonly router: Router;
  readonly log: ChangeLog;
  /** Where others ask for rows to be sent again. */
  readonly catalog: Catalog;
  readonly logger: Logger;
  readonly parallelTables: number;
  /** Which tables get a snapshot. */
  readonly only: (table: TableId) => boolean;
  readonly onError: (error: CdcError) => void;
}

/**
 * Source -> router -> log. The stream and the snapshots of tables that have none yet run side by side; each
 * batch is committed together with the place to go on from, so a crash repeats at most what was
 * not yet committed.
 */
export class Capture {
  readonly #source: Source;
  readonly #router: Router;
  readonly #log: ChangeLog;
  readonly #routed: RoutedLog;
  readonly #logger: Logger;
  readonly #only: CaptureOptions['only'];
  readonly #onError: CaptureOptions['onError'];
  readonly #queue: PQueue;
  readonly #resender: Resender;
  readonly #turn = new StreamTurn();
  /** Tables being read now or waiting; aborting the controller ends the read. */
  readonly #reading = new Map<TableId, { abort: AbortController; ended: Promise<void> }>();
  #signal: AbortSignal = AbortSignal.abort();
  #fail: (error: unknown) => void = () => undefined;

  constructor(options: CaptureOptions) {
    this.#source = options.source;
    this.#router = options.router;
    this.#log = options.log;
    this.#logger = options.logger.child({ component: 'capture' });
    const { router, log } = options;
    const stopped = () => this.#stoppedTables();
    this.#routed = new RoutedLog({ router, log, logger: this.#logger, stopped });
    this.#only = options.only;
    this.#onError = options.onError;
    this.#queue = new PQueue({ concurrency: options.parallelTables });
    this.#resender = new Resender({
      ...{ source: options.source, routed: this.#routed, log, catalog: options.catalog },
      logger: this.#logger,
      betweenTransactions: (work) => this.#turn.between(this.#signal, work),
    });
    this.#source.onSnapshotNeeded((table) => {
      if (!this.#signal.aborted) this.#enqueue(table);
    });
  }

  /** Follows the source until the signal aborts; throws what cannot be retried. */
  async run(signal: AbortSignal): Promise<void> {
    const failure = deferred();
    const stop = new AbortController();
    this.#signal = AbortSignal.any([signal, stop.signal]);
    this.#fail = (error) => {
      failure.reject(error);
      stop.abort();
    };
    this.#excludeStopped();
    await this.#followChangedRules();
    await this.#readLookup();
    const streaming = this.#stream(this.#signal);
    const resending = this.#resender.run(this.#signal);
    resending.catch(this.#fail);
    for (const table of await this.missingTables()) this.#enqueue(table);
    this.#queue
      .onIdle()
      .then(() => this.#noteComplete())
      .catch(this.#fail);
    try {
      await Promise.race([streaming, failure.promise]);
      await this.#queue.onIdle();
    } finally {
      stop.abort();
      await Promise.allSettled([streaming, resending, this.#queue.onIdle()]);
    }
  }

  /** Captured tables without a finished snapshot. */
  async missingTables(): Promise<TableId[]> {
    const tables = await this.#source.tables();
    return tables
      .map((schema) => schema.table)
      .filter(this.#only)
      .filter((table) => !this.snapshotOf(table)?.done && !this.#isStopped(table));
  }

  snapshotOf(table: TableId): TableSnapshot | undefined {
    return this.#log.checkpoint<TableSnapshot>(snapshotPrefix + table);
  }

  /** Begins where the log ends; tables whose topics were deleted are stopped, so that somebody knows of it. */
  async noteLostTopics(): Promise<void> {
    for (;;) {
      try {
        return await this.#routed.discardOpen();
      } catch (error) {
        if (!(await this.#stopTable(error))) throw error;
      }
    }
  }

  async #stream(signal: AbortSignal): Promise<void> {
    await supervise((inner) => this.#streamOnce(inner), {
      name: 'stream',
      signal,
      logger: this.#logger,
      onError: this.#onError,
    });
  }

  async #streamOnce(signal: AbortSignal): Promise<void> {
    // Parts of a transaction that broke off come again as a whole, or not at all after a failover.
    await this.noteLostTopics();
    // Only now: another writer may have gone on until this one has shut it out.
    const from = this.#log.checkpoint<Position>(streamCheckpoint);
    if (from === undefined)
      throw new CdcError('CDC_NOT_INITIALIZED', 'There is no stream position.');
    this.#turn.begin();
    // One append is under way while the next batch is decoded; the log keeps their order.
    let appending: Promise<unknown> = Promise.resolve();
    // An append that fails is told at once, not when the source has something new.
    const failed = new AbortController();
    const streaming = AbortSignal.any([signal, failed.signal]);
    try {
      for await (const item of this.#source.stream(from, streaming)) {
        await appending;
        appending = this.#turn.append(item.open, signal, () => this.#appendItem(item, signal));
        appending.catch(() => failed.abort());
      }
      await appending;
    } catch (error) {
      await appending.catch(() => undefined);
      if (!(await this.#stopTable(error))) throw error;
      return this.#streamOnce(signal);
    }
  }

  async #appendItem({ batch, open }: StreamItem, signal: AbortSignal): Promise<void> {
    const begun = new Set<TableId>();
    for (const section of batch.sections) {
      if (section.kind !== 'schema') continue;
      const progress = this.snapshotOf(section.table);
      if (section.existingRows === 'keep' && (progress === undefined || progress.done)) continue;
      // A chunk read with the old columns may carry a newer watermark than the change: begin again.
      await this.#cancel(section.table);
      begun.add(section.table);
    }
    const reread = await this.#routed.append(batch, {
      open,
      signal,
      checkpoints: (routed) => ({
        ...(!open && { [streamCheckpoint]: batch.position }),
        ...rereadKeys([...begun, ...routed.reread]),
      }),
    });
    // Only now: a chunk must not come before the section that empties its table.
    for (const table of new Set([...begun, ...reread])) this.#enqueue(table);
  }

  #enqueue(table: TableId): void {
    if (this.#reading.has(table) || this.#isStopped(table)) return;
    const abort = new AbortController();
    const signal = AbortSignal.any([this.#signal, abort.signal]);
    const ended = this.#queue.add(() => this.#snapshot(table, signal));
    this.#reading.set(table, { abort, ended });
    ended
      .catch((error) => this.#fail(error))
      .finally(() => {
        if (this.#reading.get(table)?.abort === abort) this.#reading.delete(table);
      });
  }

  async #cancel(table: TableId): Promise<void> {
    const reading = this.#reading.get(table);
    if (reading === undefined) return;
    reading.abort.abort();
    await reading.ended.catch(() => undefined);
    this.#reading.delete(table);
  }

  async #snapshot(table: TableId, signal: AbortSignal): Promise<void> {
    try {
      await supervise((inner) => this.#snapshotOnce(table, inner), {
        name: `snapshot ${table}`,
        signal,
        logger: this.#logger,
        onError: this.#onError,
      });
    } catch (error) {
      if (!(await this.#stopTable(error, table))) throw error;
    }
  }

  async #snapshotOnce(table: TableId, signal: AbortSignal): Promise<void> {
    const stored = this.snapshotOf(table);
    const current = this.#routed.source(table)?.version;
    const resume = stored !== undefined && stored.schemaVersion === current ? stored : undefined;
    if (stored?.done) return;
    for await (const item of this.#source.snapshot(table, resume, signal)) {
      if (signal.aborted) return;
      // The stream has brought another schema since these rows were read.
      if (this.#isOutdated(item)) return this.#snapshotOnce(table, signal);
      const { batch, progress } = item;
      await this.#routed.append(batch, {
        checkpoints: () => ({
          [snapshotPrefix + table]: { ...progress, highWatermark: batch.position },
        }),
        signal,
      });
      if (progress.done)
        this.#logger.info({ table, rows: progress.rows }, 'Snapshot of a table finished.');
    }
  }

  #isOutdated({ batch }: SnapshotItem): boolean {
    const hasSchema = batch.sections.some(({ kind }) => kind === 'schema');
    return batch.sections.some(
      (section) =>
        section.kind === 'rows' &&
        !hasSchema &&
        section.schemaVersion !== this.#routed.source(section.table)?.version,
    );
  }

  async #followChangedRules(): Promise<void> {
    const position = this.#log.checkpoint<Position>(streamCheckpoint);
    if (position === undefined) return;
    await followChangedRules({
      log: this.#log,
      routed: this.#routed,
      router: this.#router,
      logger: this.#logger,
      captured: new Set((await this.#source.tables()).map(({ table }) => table)),
      rereadKeys,
      position,
      readTo: (table) => this.snapshotOf(table)?.highWatermark,
      onRefused: async (error) => {
        if (!(await this.#stopTable(error))) throw error;
      },
    });
  }

  /** Routes are there before the first row that needs them. */
  async #readLookup(): Promise<void> {
    const table = this.#router.lookup?.table;
    if (table === undefined) return;
    const isRead = () => this.#routed.hasLookup && this.snapshotOf(table)?.done === true;
    if (isRead()) return;
    if (this.snapshotOf(table)?.done)
      await this.#log.append([], { checkpoints: rereadKeys([table]) });
    await this.#snapshot(table, this.#signal);
    if (isRead() || this.#signal.aborted) return;
    throw new CdcError(
      'CDC_ROUTE_INVALID',
      `Routing: ${table}, the table with the routes, could not be read.`,
      { remedy: `See what \`cdc status\` says of it, then cdc init --tables ${table}` },
    );
  }

  /** An error that is about one table stops that table, not the others. */
  async #stopTable(error: unknown, table?: TableId): Promise<boolean> {
    if (!(error instanceof CdcError) || error.kind !== 'operator') return false;
    if (error.code === 'CDC_LOG_TOPIC_LOST') return await this.#stopTablesOf(error);
    const named = error.details['table'] ?? table;
    if (typeof named !== 'string' || !isAboutOneTable(error)) return false;
    await this.#stop([{ table: named, code: error.code, message: error.message }]);
    return true;
  }

  /** Everything that the topic held is gone, so every table that goes into it is read anew. */
  async #stopTablesOf(error: CdcError): Promise<boolean> {
    const topic = String(error.details['topic']);
    const { code, message } = error;
    const tables = (await this.#source.tables())
      .filter((schema) => this.#router.writesTo(schema, topic))
      .map(({ table }) => ({
        table,
        code,
        message: `${message} Create and fill it anew: cdc init --tables ${table}`,
      }));
    await this.#stop(tables, [topic]);
    return true;
  }

  async #stop(
    tables: readonly Omit<StoppedTable, 'at'>[],
    lostTopics: readonly string[] = [],
  ): Promise<void> {
    const at = new Date().toISOString();
    const checkpoints = Object.fromEntries(
      tables.map((why) => [stoppedPrefix + why.table, { ...why, at } satisfies StoppedTable]),
    );
    await this.#log.append([], { checkpoints, lostTopics });
    for (const { table, code, message } of tables) {
      this.#logger.error({ table, code, error: message }, 'Table stopped.');
    }
    this.#excludeStopped();
  }

  async #noteComplete(): Promise<void> {
    if (this.#signal.aborted || this.#log.checkpoint(completeCheckpoint) === true) return;
    const tables = (await this.#source.tables()).map(({ table }) => table);
    if (!tables.every((table) => this.snapshotOf(table)?.done || this.#isStopped(table))) return;
    await this.#log.append([], { checkpoints: { [completeCheckpoint]: true } });
  }

  #isStopped(table: TableId): boolean {
    return this.#log.checkpoint(stoppedPrefix + table) !== undefined;
  }

  #excludeStopped(): void {
    this.#source.exclude(this.#stoppedTables());
  }

  #stoppedTables(): ReadonlySet<TableId> {
    const stopped = this.#log.checkpoints<StoppedTable>(stoppedPrefix).values();
    return new Set([...stopped].map(({ table }) => table));
  }
}

const tableErrors = new Set([
  'CDC_MESSAGE_MALFORMED',
  'CDC_VALUE_UNREPRESENTABLE',
  'CDC_TYPE_UNSUPPORTED',
  'CDC_TABLE_NO_PRIMARY_KEY',
  'CDC_BINLOG_EVENT_UNSUPPORTED',
  'CDC_SCHEMA_INCOMPATIBLE',
  'CDC_ROUTE_INVALID',
  'CDC_ROUTE_UNMATCHED',
]);

function isAboutOneTable(error: CdcError): boolean {
  return tableErrors.has(error.code);
}

function deferred(): { promise: Promise<never>; reject: (error: unknown) => void } {
  let reject: (error: unknown) => void = () => undefined;
  const promise = new Promise<never>((_, fail) => {
    reject = fail;
  });
  promise.catch(() => undefined);
  return { promise, reject };
}
