import type { ChangeBatch } from '../change/change-batch.ts';
import type { TableId } from '../change/table-id.ts';
import type { TableSchema } from '../change/table-schema.ts';
import type { LoadStep } from './load-step.ts';

/** What the loader needs of a change log; `ChangeLog` in log/change-log.ts fits and explains it. */
export interface ChangeFeed {
  read(offset: number, maxBytes: number): Promise<FeedEntry[]>;
  waitFor(offset: number, signal: AbortSignal): Promise<void>;
  schema(table: TableId, version: string): TableSchema | undefined;
  committed(consumer: string): number;
  /** `step` is what was loaded up to there, for a feed that keeps more than the offset. */
  commit(consumer: string, offset: number, step: LoadStep): Promise<void>;
}

export interface FeedEntry {
  readonly offset: number;
  /** The place after it. */
  readonly next: number;
  readonly batch: ChangeBatch;
}
