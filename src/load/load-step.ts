import type { SweepSection } from '../change/change-batch.ts';
import type { Position } from '../change/position.ts';
import type { TableId } from '../change/table-id.ts';
import type { PausedTable } from './paused-tables.ts';

/** What one step of a loader has done. */
export interface LoadStep {
  readonly from: number;
  /** Offset after the last entry loaded. */
  readonly to: number;
  /** Place in the stream after these entries; undefined before the first of the stream. */
  readonly position: Position | undefined;
  /** Tables whose rows or columns changed. */
  readonly tables: ReadonlySet<TableId>;
  readonly rows: number;
  readonly transactions: number;
  /** Of the last transaction in the step: commit time by the source's clock, arrival by ours. */
  readonly committedAtMs: number | undefined;
  readonly receivedAtMs: number | undefined;
  /** Ends of snapshots: the tables are complete from here on. */
  readonly sweeps: readonly SweepSection[];
  /** Tables that were emptied and are being read again. */
  readonly resnapshotted: readonly TableId[];
  /** Tables paused in this step. */
  readonly paused: readonly PausedTable[];
}
