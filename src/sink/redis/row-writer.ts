import type { ProgressStep } from '../sink.ts';
import type { RowChange } from './row-change.ts';
import type { TableLayout } from './table-layout.ts';

/**
 * Puts rows into Redis, each unless a newer one is there. Every call throws CDC_SINK_STALE when the store is not where
 * `step` follows, and CDC_SINK_REJECTED for rows that the store refuses.
 */
export interface RowWriter {
  /** All rows of a batch. With `keep` the progress may be moved along with the last of them; true when it was. */
  write(
    work: RowWork,
    rows: Iterable<RowChange> | AsyncIterable<RowChange>,
    keep: boolean,
  ): Promise<boolean>;
  /** Moves the progress. */
  keep(work: RowWork): Promise<void>;
  /** Takes rows that have expired out of the indexes; absent where only a batch can do that. */
  unlistExpired?(work: RowWork): Promise<void>;
}

export interface RowWork {
  readonly layout: TableLayout;
  readonly step: ProgressStep;
}

export const progressKey = (prefix: string) => `${prefix}_cdc:progress`;
export const versionKey = (prefix: string, key: string) =>
  `${prefix}_cdc:version:${key.slice(prefix.length)}`;
/** Rows of the table that will expire, by when; only where they are in indexes. */
export const expiringKey = (prefix: string, source: string) => `${prefix}_cdc:expiring:${source}`;

/** Progress as it is kept: its sequence, a space, its value; in bytes. */
export function renderProgress({ sequence, value }: ProgressStep['next']): string {
  return `${sequence} ${Buffer.from(value, 'utf8').toString('latin1')}`;
}

export function parseProgress(text: string): ProgressStep['next'] {
  const space = text.indexOf(' ');
  const value = Buffer.from(text.slice(space + 1), 'latin1').toString('utf8');
  return { sequence: Number(text.slice(0, space)), value };
}
