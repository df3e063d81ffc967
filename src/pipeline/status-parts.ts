import { type Position, renderPosition } from '../change/position.ts';
import type { TableId } from '../change/table-id.ts';
import type { CdcError } from '../errors.ts';
import type { Layers } from '../layers/layers.ts';
import type { PausedTable } from '../load/paused-tables.ts';
import type { ChangeLog } from '../log/change-log.ts';
import {
  type StoppedTable,
  snapshotPrefix,
  stoppedPrefix,
  streamCheckpoint,
  type TableSnapshot,
} from './capture-state.ts';
import type { FreshnessProbe } from './freshness-probe.ts';
import { unmatchedPrefix } from './routed-log.ts';
import { renderVersion } from './source-places.ts';
import type { StatusError, StatusReport } from './status.ts';
import type { Cut } from './warehouse.ts';

/** The last errors that were survived. */
export class RecentErrors {
  readonly #errors: StatusError[] = [];

  add({ code, message }: CdcError): void {
    this.#errors.push({ code, message, at: new Date().toISOString() });
    if (this.#errors.length > 20) this.#errors.shift();
  }

  list(): readonly StatusError[] {
    return this.#errors;
  }
}

export interface ServerName {
  readonly server: string;
  readonly version: string;
}

export function sourceStatus(
  log: ChangeLog,
  server: ServerName | undefined,
  probe: FreshnessProbe,
): StatusReport['source'] {
  if (server === undefined) return null;
  const streamed = log.checkpoint<Position>(streamCheckpoint);
  return {
    ...server,
    position: streamed ? renderPosition(streamed) : null,
    endPosition: probe.end ? renderPosition(probe.end.position) : null,
  };
}

export function freshnessStatus(probe: FreshnessProbe): StatusReport['freshness'] {
  const found = probe.percentiles();
  return found === undefined ? null : { p50Ms: found.p50Ms, p99Ms: found.p99Ms };
}

export function snapshotStatus(log: ChangeLog): StatusReport['snapshot'] {
  const snapshots = log.checkpoints<TableSnapshot>(snapshotPrefix).values();
  return [...snapshots].map(({ table, chunks, rows, done }) => ({ table, chunks, rows, done }));
}

export function unmatchedStatus(log: ChangeLog): StatusReport['unmatched'] {
  const counts = log.checkpoints<number>(unmatchedPrefix);
  return [...counts].map(([name, rows]) => ({ table: name.slice(unmatchedPrefix.length), rows }));
}

export function stoppedErrors(log: ChangeLog): StatusError[] {
  return [...log.checkpoints<StoppedTable>(stoppedPrefix).values()].map(tableError);
}

/** Tables that wait for `cdc init --tables`. */
export function pausedErrors(paused: readonly PausedTable[]): StatusError[] {
  return paused.map(tableError);
}

function tableError(of: {
  readonly table: TableId;
  readonly code: string;
  readonly message: string;
  readonly at: string;
}): StatusError {
  const { table, code, message, at } = of;
  return { code, message, at, table };
}

/** Log as a consumer at `offset` sees it. */
export function logStatus(log: ChangeLog, offset: number): StatusReport['log'] {
  const { entries, bytes, end } = log.stats();
  return { entries, bytes, behind: Math.max(0, end - offset) };
}

/** Each model with the place in the source that its rows are of. */
export function layersStatus(layers: Layers, cut: Cut | undefined): StatusReport['layers'] {
  return layers.status().map(({ at, ...layer }) => {
    if (cut === undefined) return { ...layer, cut: null };
    const place = at === undefined ? renderPosition(cut.position) : renderVersion(at, cut.position);
    return { ...layer, cut: place };
  });
}
