import type { Position } from '../change/position.ts';
import type { LoadStep } from '../load/load-step.ts';

/**
 * What the warehouse loop needs of loading: `LocalShares` loads in this process, `RemoteLoader` has it
 * done by others. Between two steps ODS stands still, as long as `standsStill` says so.
 */
export interface WarehouseLoader {
  /** Everything before it is loaded, of all tables; -1 while that is not known. */
  offset(): number;
  /** The place in the stream that belongs to the offset. */
  position(): Position | undefined;
  /** Loads on, or has it done; resolves to undefined when nothing came. */
  step(signal: AbortSignal): Promise<LoadStep | undefined>;
  /** False when somebody may have loaded on since the last step: what was read meanwhile is of no cut. */
  standsStill(): Promise<boolean>;
}
