import type { Position } from '../change/position.ts';
import { resetSnapshots, streamCheckpoint } from './capture-state.ts';
import type { CaptureStages } from './compose.ts';

/**
 * Begins the history anew: a new epoch, so that every row read from now on wins over what is there
 * whatever the server's binlog numbers say, and every table is read again. Rows that no longer
 * exist are swept at the end of each table's snapshot, so readers see the old rows until then.
 */
export async function restartHistory({ log, source }: CaptureStages): Promise<void> {
  const before = log.checkpoint<Position>(streamCheckpoint);
  const now = await source.currentPosition();
  const epoch = (before?.epoch ?? -1) + 1;
  await resetSnapshots(log);
  await log.append([], { checkpoints: { [streamCheckpoint]: { ...now, epoch } } });
}
