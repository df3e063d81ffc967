import { join } from 'node:path';
import type { Catalog } from '../catalog/catalog.ts';
import { openCatalog } from '../catalog/lmdb-catalog.ts';
import type { TableId } from '../change/table-id.ts';
import type { ProjectConfig } from '../config/project-config.ts';
import type { LayerStatus } from '../layers/layers.ts';
import { findProcessLock } from '../lib/process-lock.ts';

/** What `cdc status` shows; the runner stores it every second, so it is there without one, too. */
export interface StatusReport {
  readonly running: { readonly pid: number; readonly since: string } | null;
  readonly source: {
    readonly server: string;
    readonly version: string;
    /** Where the capture has read to, and the end of the binlog, as `file:offset`. */
    readonly position: string | null;
    readonly endPosition: string | null;
  } | null;
  /** From the end of the binlog to the last published cut. Seconds: age of the oldest change no cut shows. */
  readonly lag: { readonly bytes: number; readonly seconds: number } | null;
  /** Commit in the source -> visible in every layer, over the last probes. */
  readonly freshness: { readonly p50Ms: number; readonly p99Ms: number } | null;
  readonly rows: { readonly perSecond: number; readonly total: number };
  readonly transactions: number;
  readonly log: { readonly entries: number; readonly bytes: number; readonly behind: number };
  readonly snapshot: readonly TableSnapshotStatus[];
  readonly layers: readonly (LayerStatus & { readonly cut: string | null })[];
  readonly errors: readonly StatusError[];
  readonly updatedAt: string | null;
}

export interface TableSnapshotStatus {
  readonly table: TableId;
  readonly chunks: number;
  readonly rows: number;
  readonly done: boolean;
}

export interface StatusError {
  readonly code: string;
  readonly message: string;
  readonly at: string;
  readonly table?: TableId;
}

const statusKey = 'status';

export const emptyStatus: StatusReport = {
  running: null,
  source: null,
  lag: null,
  freshness: null,
  rows: { perSecond: 0, total: 0 },
  transactions: 0,
  log: { entries: 0, bytes: 0, behind: 0 },
  snapshot: [],
  layers: [],
  errors: [],
  updatedAt: null,
};

export function storeStatus(catalog: Catalog, status: StatusReport): Promise<void> {
  return catalog.put(statusKey, status);
}

/** The last stored status, with who is running now. Needs neither source nor engine. */
export async function readStatus(config: ProjectConfig): Promise<StatusReport> {
  const holder = findProcessLock(runLockFile(config));
  const running = holder === undefined ? null : { pid: holder.pid, since: holder.since };
  await using catalog = await openCatalog(join(config.stateFolder, 'catalog'), { readOnly: true });
  return { ...(catalog.get<StatusReport>(statusKey) ?? emptyStatus), running };
}

export function runLockFile(config: ProjectConfig): string {
  return join(config.stateFolder, 'run.lock');
}
