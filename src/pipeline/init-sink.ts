import type { ProjectConfig } from '../config/project-config.ts';
import { CdcError } from '../errors.ts';
import type { Logger } from '../ops/logger.ts';
import type { FeedTable } from '../sink/feed.ts';
import { findRunner } from './roles.ts';
import { askAnew } from './sink-requests.ts';
import { type SinkWork, withSink } from './sink-work.ts';
import { retryStale } from './verify-sink.ts';

export interface InitSinkOptions {
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** Table patterns; all tables of the sink when absent. */
  readonly tables?: readonly string[];
  /** Remove the tables from the store first. */
  readonly restart?: boolean;
  /** Only say what the store would be told. */
  readonly dryRun?: boolean;
  readonly onProgress?: (progress: InitSinkProgress) => void;
}

export interface InitSinkProgress {
  readonly table: string;
  readonly done: number;
  readonly tables: number;
  readonly rows: number;
}

export interface InitSinkReport {
  readonly sink: string;
  readonly tables: readonly InitSinkTable[];
  readonly seconds: number;
  /** Another process fills the tables; `cdc status` shows how far it is. */
  readonly isHandedOver: boolean;
  readonly isDryRun: boolean;
}

export interface InitSinkTable {
  readonly table: string;
  readonly rows: number;
  /** Rows that became dead letters. */
  readonly refused: number;
  /** With `dryRun`: what the store would be told. */
  readonly statements?: readonly string[];
}

/**
 * Fills a sink from the warehouse as it is; the source has no part in it. Tables that the store has already are brought forward;
 * with `restart` they are removed and filled from the beginning, by the process that runs the sinks if there is one.
 */
export async function initSink(
  config: ProjectConfig,
  name: string,
  options: InitSinkOptions,
): Promise<InitSinkReport> {
  const startedAt = performance.now();
  const { logger, signal, dryRun = false, restart = false } = options;
  return await withSink(config, name, logger, async (work) => {
    const tables = await work.tables(options.tables, signal);
    const isHandedOver = restart && !dryRun && findRunner(config, 'sinks') !== undefined;
    const done = dryRun
      ? await planAll(work, tables)
      : isHandedOver
        ? await handOver(work, name, tables, signal)
        : await fillAll(work, tables, options);
    const seconds = (performance.now() - startedAt) / 1000;
    return { sink: name, tables: done, seconds, isHandedOver, isDryRun: dryRun };
  });
}

async function planAll(work: SinkWork, tables: readonly FeedTable[]): Promise<InitSinkTable[]> {
  const planned: InitSinkTable[] = [];
  for (const feed of tables) {
    const statements = await work.copier(feed.source).planDdl(feed);
    planned.push({ table: feed.source, rows: 0, refused: 0, statements });
  }
  return planned;
}

async function handOver(
  { catalog }: SinkWork,
  sink: string,
  tables: readonly FeedTable[],
  signal: AbortSignal,
): Promise<InitSinkTable[]> {
  const names = tables.map(({ source }) => source);
  await askAnew(catalog, { sink, tables: names }, signal);
  return names.map((table) => ({ table, rows: 0, refused: 0 }));
}

async function fillAll(
  work: SinkWork,
  tables: readonly FeedTable[],
  { restart, signal, onProgress }: InitSinkOptions,
): Promise<InitSinkTable[]> {
  const filled: InitSinkTable[] = [];
  for (const [done, feed] of tables.entries()) {
    const copier = work.copier(feed.source);
    if (restart) await copier.drop(feed);
    let rows = 0;
    let refused = 0;
    const report = () => onProgress?.({ table: feed.source, done, tables: tables.length, rows });
    for (;;) {
      report();
      const step = await retryStale(() => copier.copy(feed, signal), signal);
      rows += step.rows;
      refused += step.refused;
      if (step.isCurrent) break;
    }
    report();
    filled.push({ table: feed.source, rows, refused });
  }
  if (filled.length > 0) return filled;
  throw new CdcError('CDC_TABLE_NOT_FOUND', `${work.options.name}: none of its tables is there.`, {
    remedy: 'Its `tables` name captured tables (shop.orders) and models (ads.sales) by patterns.',
  });
}
