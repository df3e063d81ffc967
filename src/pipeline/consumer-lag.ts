import type { ChangeLog, PartitionLag } from '../log/change-log.ts';
import type { LoadShare } from './load-share.ts';

/** How far one share of the loading is behind the log. */
export interface ConsumerLag {
  readonly consumer: string;
  readonly offset: number;
  /** Entries of the log not loaded. */
  readonly behind: number;
  /** Records not loaded, over all partitions; null for a log without partitions. */
  readonly recordsLag: number | null;
  /** When the oldest change not loaded reached the log, ISO 8601. */
  readonly oldestUnloadedAt: string | null;
  /** Partitions that hold something not loaded. */
  readonly partitions: readonly ConsumerPartitionLag[];
}

export interface ConsumerPartitionLag {
  readonly topic: string;
  readonly partition: number;
  readonly loaded: number;
  readonly end: number;
  readonly recordsLag: number;
  readonly oldestUnloadedAt: string | null;
}

export async function consumerLag(log: ChangeLog, share: LoadShare): Promise<ConsumerLag> {
  const offset = share.offset();
  const lags = (await log.lags?.(offset, (table) => share.wants(table))) ?? [];
  const [next] = offset < log.end() ? await log.read(offset, 1, () => false) : [];
  return {
    consumer: share.consumer,
    offset,
    behind: Math.max(0, log.end() - offset),
    recordsLag: log.lags === undefined ? null : lags.reduce((sum, { lag }) => sum + lag, 0),
    oldestUnloadedAt: isoTime(next?.batch.receivedAtMs),
    partitions: lags.map(partitionLag),
  };
}

function partitionLag(of: PartitionLag): ConsumerPartitionLag {
  const { topic, partition, loaded, end, lag, oldestUnloadedAtMs } = of;
  const oldestUnloadedAt = isoTime(oldestUnloadedAtMs);
  return { topic, partition, loaded, end, recordsLag: lag, oldestUnloadedAt };
}

function isoTime(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString();
}
