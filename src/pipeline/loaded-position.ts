import type { Position } from '../change/position.ts';
import type { ChangeLog } from '../log/change-log.ts';
import { streamCheckpoint } from './capture-state.ts';
import type { WarehouseLoader } from './warehouse-loader.ts';

/** How far loading is. */
export type LoadedPlace = Pick<WarehouseLoader, 'offset' | 'position'>;

/**
 * The source position up to which ODS holds everything. With nothing left to load it is where the
 * stream has read to, which also moves when no captured table changes.
 */
export function loadedPosition(log: ChangeLog, loader: LoadedPlace): Position | undefined {
  // Read in this order: batches up to the checkpoint lie before an end that is read after it.
  const streamed = log.checkpoint<Position>(streamCheckpoint);
  return loader.offset() >= log.end() ? streamed : loader.position();
}
