import { crc32 } from 'node:zlib';
import { type SweepSection, scopeOf } from '../change/change-batch.ts';
import type { Position } from '../change/position.ts';
import type { TableId } from '../change/table-id.ts';
import type { LoadStep } from '../load/load-step.ts';
import { warehouseConsumer } from '../load/loader.ts';

/**
 * The work of loading is divided by table into *shares*, each a loader with an offset of its own, so that
 * everything about a table (its rows, its barriers, its pause) stays in one place.
 */
export interface ShareId {
  /** From 0. */
  readonly number: number;
  readonly count: number;
}

/** Keys of a share's scope that are there from its beginning. */
export const offsetKey = 'offset';
export const progressKey = 'progress';

/** The share that a table belongs to, on every machine the same. */
export function shareOf(table: TableId, count: number): number {
  return crc32(table) % count;
}

export function allShares(count: number): ShareId[] {
  return Array.from({ length: count }, (_, number) => ({ number, count }));
}

/** Its name as a consumer, and its scope in the state table. The count is in it: other counts, other tables. */
export function shareConsumer({ number, count }: ShareId): string {
  return count === 1 ? warehouseConsumer : `${warehouseConsumer}/${number}of${count}`;
}

/** What the layers must know of what a share has loaded; offsets are those after the step. */
export interface ShareProgress {
  readonly position?: Position;
  /** When a table last changed. */
  readonly tables: Readonly<Record<TableId, number>>;
  /** By `scopeOf`: a sweep may be about some rows of a table only. */
  readonly sweeps: Readonly<Record<string, LoadedSweep>>;
}

export interface LoadedSweep extends Omit<SweepSection, 'version'> {
  readonly version: string;
  readonly offset: number;
}

export const noProgress: ShareProgress = { tables: {}, sweeps: {} };

/** Adds a step; forgets what lies before `from`, which the layers have taken note of. */
export function withStep(before: ShareProgress, step: LoadStep, from: number): ShareProgress {
  const isNews = ([, offset]: [string, number]) => offset > from;
  const swept = step.sweeps.map((sweep) => [
    scopeOf(sweep),
    { ...sweep, version: sweep.version.toString(), offset: step.to },
  ]);
  return {
    ...(step.position && { position: step.position }),
    tables: Object.fromEntries([
      ...Object.entries(before.tables).filter(isNews),
      ...[...step.tables].map((table) => [table, step.to]),
    ]),
    sweeps: Object.fromEntries([
      ...Object.entries(before.sweeps).filter(([, { offset }]) => offset > from),
      ...swept,
    ]),
  };
}
