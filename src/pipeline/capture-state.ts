import type { Position } from '../change/position.ts';
import type { TableId } from '../change/table-id.ts';
import type { ChangeLog } from '../log/change-log.ts';
import type { SnapshotProgress } from '../source/source.ts';
import { routedTables } from './routed-tables.ts';

/** Names under which the capture keeps its state in the log, in the same commit as the batches. */
export const streamCheckpoint = 'stream';
export const snapshotPrefix = 'snapshot/';
export const stoppedPrefix = 'stopped/';
/** Where in the log a table was asked to be read anew: a pause that began before it ends there. */
export const releasedPrefix = 'released/';
/** Set once every captured table has had its first snapshot: models can be built. */
export const completeCheckpoint = 'complete';

/** A table whose changes are not taken in any more, and why. `cdc init --tables` begins it anew. */
export interface StoppedTable {
  readonly table: TableId;
  readonly code: string;
  readonly message: string;
  readonly at: string;
}

/** Progress of a snapshot as the log keeps it: what the source needs, and where the table agrees. */
export interface TableSnapshot extends SnapshotProgress {
  /** The table agrees with the source once the stream has passed this place. */
  readonly highWatermark: Position;
}

/** Checkpoints that make tables be read again. */
export function rereadKeys(tables: readonly TableId[]): Record<string, undefined> {
  return Object.fromEntries(tables.map((table) => [snapshotPrefix + table, undefined]));
}

/**
 * Makes the log forget how far tables of the source (all when absent) are, so that they are read again. A
 * pause of the table they go into ends when all of its rows come anew.
 */
export async function resetSnapshots(
  log: ChangeLog,
  matches: (table: TableId) => boolean = () => true,
): Promise<void> {
  const routed = routedTables(log);
  const checkpoints: Record<string, number | undefined> = {};
  for (const prefix of [snapshotPrefix, stoppedPrefix]) {
    for (const name of log.checkpoints(prefix).keys()) {
      const table = name.slice(prefix.length);
      if (!matches(table)) continue;
      checkpoints[name] = undefined;
      const target = routed.get(table)?.target ?? table;
      const shards = [...routed].filter(([, other]) => other.target === target);
      if (shards.every(([shard]) => matches(shard)))
        checkpoints[releasedPrefix + target] = log.end();
    }
  }
  await log.append([], { checkpoints });
}
