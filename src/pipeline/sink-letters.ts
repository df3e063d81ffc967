import type { ProjectConfig } from '../config/project-config.ts';
import { CdcError } from '../errors.ts';
import type { Logger } from '../ops/logger.ts';
import type { DeadRow } from '../sink/dead-rows.ts';
import { RowSelect } from '../sink/row-select.ts';
import { type SinkWork, withSink } from './sink-work.ts';
import { retryStale } from './verify-sink.ts';

export interface SinkLetterFilter {
  readonly table?: string;
}

export interface SinkLetterReplay {
  readonly sink: string;
  /** Rows that the store has taken now. */
  readonly written: number;
  /** Those that it still refuses, with the reason of today. */
  readonly failed: readonly DeadRow[];
}

/** Rows that the store of a sink has refused. */
export async function listSinkLetters(
  config: ProjectConfig,
  name: string,
  logger: Logger,
  filter: SinkLetterFilter,
): Promise<DeadRow[]> {
  return await withSink(config, name, logger, (work) => find(work, filter));
}

/** Forgets them; the rows stay in the warehouse and out of the store. */
export async function dropSinkLetters(
  config: ProjectConfig,
  name: string,
  logger: Logger,
  filter: SinkLetterFilter,
): Promise<DeadRow[]> {
  return await withSink(config, name, logger, async (work) => {
    const letters = await find(work, filter);
    await work.deadRows.drop(letters);
    return letters;
  });
}

/**
 * Sends the rows again as they are in the warehouse now: what has changed since goes in its newer state, what is gone is deleted
 * in the store, and nothing newer is overwritten.
 */
export async function replaySinkLetters(
  config: ProjectConfig,
  name: string,
  { logger, signal }: { logger: Logger; signal: AbortSignal },
  filter: SinkLetterFilter,
): Promise<SinkLetterReplay> {
  return await withSink(config, name, logger, async (work) => {
    const letters = await find(work, filter);
    for (const table of new Set(letters.map((letter) => letter.table))) {
      const own = letters.filter((letter) => letter.table === table);
      const [feed] = await work.tables([table], signal);
      if (feed === undefined) continue;
      const copier = work.copier(table);
      const select = new RowSelect(await copier.plan(feed), work.sink.types);
      // Those refused again come back with the time of today.
      await work.deadRows.drop(own);
      const keys = select.keysOf(own.map(({ key }) => key));
      try {
        await retryStale(() => copier.resend(feed, keys, signal), signal);
      } catch (error) {
        await work.deadRows.add(own);
        throw error;
      }
    }
    const left = await find(work, filter);
    const keyOf = ({ table, key }: DeadRow) => `${table} ${key}`;
    const tried = new Set(letters.map(keyOf));
    const failed = left.filter((letter) => tried.has(keyOf(letter)));
    return { sink: name, written: letters.length - failed.length, failed };
  });
}

async function find({ deadRows, options }: SinkWork, filter: SinkLetterFilter) {
  const all = await deadRows.list(options.name);
  const found = all.filter(({ table }) => filter.table === undefined || table === filter.table);
  if (found.length > 0 || filter.table === undefined || all.length === 0) return found;
  const tables = [...new Set(all.map(({ table }) => table))].join(', ');
  throw new CdcError('CDC_USAGE', `no dead letter of ${options.name} is of ${filter.table}`, {
    remedy: `There are letters of ${tables}.`,
  });
}
