import { setTimeout as delay } from 'node:timers/promises';
import type { ProjectConfig } from '../config/project-config.ts';
import { CdcError } from '../errors.ts';
import type { Logger } from '../ops/logger.ts';
import { compareTable, type SinkDifference, type TableComparison } from '../sink/compare-table.ts';
import type { FeedTable } from '../sink/feed.ts';
import { parsePlace } from '../sink/place.ts';
import { RowSelect } from '../sink/row-select.ts';
import type { BucketChoice } from '../sink/sink.ts';
import { type SinkWork, withSink } from './sink-work.ts';

export interface VerifySinkOptions {
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** Table patterns; all tables of the sink when absent. */
  readonly tables?: readonly string[];
  readonly onProgress?: (progress: { name: string; done: number; total: number }) => void;
}

export interface SinkVerifyReport {
  readonly ok: boolean;
  readonly sink: string;
  readonly tables: readonly SinkTableVerification[];
}

export interface SinkTableVerification {
  readonly table: string;
  readonly target: string;
  readonly rows: number;
  readonly differences: readonly SinkKeyDifference[];
  /** Keys whose changes had not reached the store, or that changed under every look. */
  readonly moving: number;
  /** The store computed the checksums itself. */
  readonly isComputedInStore: boolean;
  /** Why it cannot be compared; it counts as a difference. */
  readonly error?: string;
}

export interface SinkKeyDifference {
  /** JSON array, in key order. */
  readonly key: string;
  readonly kind: SinkDifference['kind'];
  readonly columns: readonly string[];
}

export interface SinkRepairReport {
  readonly sink: string;
  /** Rows sent again or deleted, by table. */
  readonly repaired: readonly { readonly table: string; readonly keys: number }[];
  /** As the store is afterwards. */
  readonly after: SinkVerifyReport;
}

/** A difference is believed when the same row is seen differing this often in a row. */
const sightings = 2;
const looks = 20;
const wholeLooks = 120;
const pauseMs = 250;

/**
 * Proves warehouse = store for one sink while both go on changing. A row that differs is a difference only if the store should
 * have it (its change number is not above the store's place), and it is seen so twice.
 */
export async function verifySink(
  config: ProjectConfig,
  name: string,
  options: VerifySinkOptions,
): Promise<SinkVerifyReport> {
  return await withSink(config, name, options.logger, async (work) => {
    const found = await verifyTables(work, options);
    return reportOf(name, found);
  });
}

/** Sends again what differs, deletes what should not be there, and verifies once more. */
export async function repairSink(
  config: ProjectConfig,
  name: string,
  options: VerifySinkOptions,
): Promise<SinkRepairReport> {
  return await withSink(config, name, options.logger, async (work) => {
    const found = await verifyTables(work, options);
    const repaired: { table: string; keys: number }[] = [];
    for (const { feed, differences } of found) {
      if (differences.length === 0) continue;
      await resend(work, feed, differences, options.signal);
      repaired.push({ table: feed.source, keys: differences.length });
    }
    const after = reportOf(name, await verifyTables(work, options));
    return { sink: name, repaired, after };
  });
}

interface Verified {
  readonly feed: FeedTable;
  readonly differences: readonly SinkDifference[];
  readonly report: SinkTableVerification;
}

function reportOf(sink: string, verified: readonly Verified[]): SinkVerifyReport {
  const tables = verified.map(({ report }) => report);
  const ok = tables.every(
    ({ differences, error }) => differences.length === 0 && error === undefined,
  );
  return { ok, sink, tables };
}

async function verifyTables(work: SinkWork, options: VerifySinkOptions): Promise<Verified[]> {
  const tables = await work.tables(options.tables, options.signal);
  const verified: Verified[] = [];
  for (const [done, feed] of tables.entries()) {
    options.onProgress?.({ name: feed.source, done, total: tables.length });
    verified.push(await verifyOne(work, feed, options.signal));
  }
  return verified;
}

async function verifyOne(work: SinkWork, feed: FeedTable, signal: AbortSignal): Promise<Verified> {
  const none = { rows: 0, differences: [], moving: 0, isComputedInStore: false };
  try {
    const { table } = await work.copier(feed.source).plan(feed);
    const base = { table: feed.source, target: table.target };
    if ((await placeOf(work, feed)) === undefined) {
      const error = 'it has not been filled yet';
      return { feed, differences: [], report: { ...base, ...none, error } };
    }
    const look = feed.changeColumn === undefined ? lookAtWhole : lookUntilCertain;
    const { differences, ...rest } = await look(work, feed, signal);
    const shown = differences.map(({ key, kind, columns }) => {
      return { key: JSON.stringify(key), kind, columns };
    });
    return { feed, differences, report: { ...base, ...rest, differences: shown } };
  } catch (error) {
    if (!(error instanceof CdcError) || error.code !== 'CDC_SINK_INCOMPATIBLE') throw error;
    const report = { table: feed.source, target: '', ...none, error: error.message };
    return { feed, differences: [], report };
  }
}

interface Look extends TableComparison {
  readonly moving: number;
}

/** A model without versions is compared while it stands still, once the store has this making of it. */
async function lookAtWhole(
  work: SinkWork,
  { source }: FeedTable,
  signal: AbortSignal,
): Promise<Look> {
  const look = async (): Promise<Look> => {
    for (let attempt = 0; attempt < wholeLooks; attempt++) {
      const [feed] = await work.tables([source], signal);
      const place = feed && (await placeOf(work, feed));
      if (feed && place?.generation === feed.generation && place.range === undefined) {
        return { ...(await lookOnce(work, feed, undefined, signal)), moving: 0 };
      }
      await delay(pauseMs, undefined, { signal });
    }
    return { rows: 0, differences: [], isComputedInStore: false, moving: 1 };
  };
  return work.atHeldCut(look, signal);
}

async function lookUntilCertain(
  work: SinkWork,
  feed: FeedTable,
  signal: AbortSignal,
): Promise<Look> {
  const certain: SinkDifference[] = [];
  const seen = new Map<string, { change: bigint; times: number }>();
  let only: BucketChoice | undefined;
  let whole: TableComparison | undefined;
  let moving = 0;
  for (let look = 0; look < looks; look++) {
    const place = await placeOf(work, feed);
    const compared = await lookOnce(work, feed, only, signal);
    whole ??= compared;
    const open = compared.differences.filter(
      ({ key }) => !certain.some((other) => String(other.key) === String(key)),
    );
    moving = 0;
    for (const difference of open) {
      const name = JSON.stringify(difference.key);
      const before = seen.get(name);
      const { change } = difference;
      const isDue = place !== undefined && change <= BigInt(place.upTo);
      const times = isDue ? (before?.change === change ? before.times : 0) + 1 : 0;
      seen.set(name, { change, times });
      if (times >= sightings) certain.push(difference);
      else moving += 1;
    }
    if (moving === 0) break;
    const [first] = open;
    const digits = first?.bucket.length ?? 1;
    only = { digits, names: new Set(open.map(({ bucket }) => bucket)) };
    await delay(pauseMs, undefined, { signal });
  }
  const { rows = 0, isComputedInStore = false } = whole ?? {};
  return { rows, isComputedInStore, differences: certain, moving };
}

/** The table may have got other columns, or more rows, since the last look. */
async function lookOnce(
  work: SinkWork,
  feed: FeedTable,
  only: BucketChoice | undefined,
  signal: AbortSignal,
): Promise<TableComparison> {
  const { engine, sink } = work;
  const plan = await work.copier(feed.source).plan(feed);
  return compareTable(plan, sink, engine, { signal, ...(only && { only }) });
}

async function placeOf({ sink }: SinkWork, { source }: FeedTable) {
  const progress = (await sink.progress()).get(source);
  return progress && parsePlace(progress);
}

async function resend(
  work: SinkWork,
  feed: FeedTable,
  differences: readonly SinkDifference[],
  signal: AbortSignal,
): Promise<void> {
  const copier = work.copier(feed.source);
  const plan = await copier.plan(feed);
  const select = new RowSelect(plan, work.sink.types);
  for (let at = 0; at < differences.length; at += keysAtOnce) {
    const keys = differences.slice(at, at + keysAtOnce).map(({ key }) => key);
    await retryStale(() => copier.resend(feed, select.keysByText(keys), signal), signal);
  }
}

const keysAtOnce = 1_000;
const staleAttempts = 50;

/** A run beside us moves the store on, too: whoever comes second asks it where it is. */
export async function retryStale<T>(action: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await action();
    } catch (error) {
      const isStale = error instanceof CdcError && error.code === 'CDC_SINK_STALE';
      if (!isStale || attempt === staleAttempts) throw error;
      await delay(20 * attempt, undefined, { signal });
    }
  }
}
