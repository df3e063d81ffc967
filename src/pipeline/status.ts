import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Catalog } from '../catalog/catalog.ts';
import { openCatalog } from '../catalog/lmdb-catalog.ts';
import type { TableId } from '../change/table-id.ts';
import type { ProjectConfig } from '../config/project-config.ts';
import type { LayerStatus } from '../layers/layers.ts';
import type { ConsumerLag } from './consumer-lag.ts';
import { findRoles, type Role } from './roles.ts';
import type { SinkStatus } from './sink-status.ts';
import {
  type VerifiedThrough,
  type VerifyFailure,
  verifiedThrough,
  verifyFailures,
} from './verified-through.ts';

/** What `cdc status` shows; the runner stores it every second, so it is there without one, too. */
export interface StatusReport {
  readonly running: { readonly pid: number; readonly since: string } | null;
  /** Processes at work on this state folder, and the roles that none does (`process: null`). */
  readonly roles: readonly RoleStatus[];
  readonly source: {
    readonly server: string;
    readonly version: string;
    /** Where the capture has read to, and the end of the binlog, as `file:offset`. */
    readonly position: string | null;
    readonly endPosition: string | null;
  } | null;
  /** From the end of the binlog to the last published cut. Seconds: age of the oldest change no cut shows. */
  readonly lag: { readonly bytes: number; readonly seconds: number } | null;
  /** Commit in the source -> visible in every layer, over the changes probed; null when there was none. */
  readonly freshness: { readonly p50Ms: number; readonly p99Ms: number } | null;
  readonly rows: { readonly perSecond: number; readonly total: number };
  readonly transactions: number;
  readonly log: { readonly entries: number; readonly bytes: number; readonly behind: number };
  /** Each share of the loading. */
  readonly consumers: readonly ConsumerLag[];
  readonly snapshot: readonly TableSnapshotStatus[];
  /** Rows left out so far because no route matched them. */
  readonly unmatched: readonly { readonly table: TableId; readonly rows: number }[];
  readonly layers: readonly (Omit<LayerStatus, 'at'> & { readonly cut: string | null })[];
  readonly sinks: readonly SinkStatus[];
  /** How far each table and model has been proven right by `cdc verify`. */
  readonly verified: readonly VerifiedThrough[];
  /** The last 20 times that `cdc verify` found something, the newest last. */
  readonly verifyFailures: readonly VerifyFailure[];
  readonly errors: readonly StatusError[];
  readonly updatedAt: string | null;
}

export interface RoleStatus {
  readonly role: Role | 'all';
  readonly process: { readonly pid: number; readonly host: string; readonly since: string } | null;
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
  roles: [],
  source: null,
  lag: null,
  freshness: null,
  rows: { perSecond: 0, total: 0 },
  transactions: 0,
  log: { entries: 0, bytes: 0, behind: 0 },
  consumers: [],
  snapshot: [],
  unmatched: [],
  layers: [],
  sinks: [],
  verified: [],
  verifyFailures: [],
  errors: [],
  updatedAt: null,
};

/** Stores what the process of a role knows; `cdc status` puts the parts together. */
export function storeStatus(
  catalog: Catalog,
  status: StatusReport,
  place: { readonly role: Role | 'all'; readonly number: number } = { role: 'all', number: 1 },
): Promise<void> {
  return catalog.put(placeKey(place), status);
}

/** The last stored status, with who is running now. Needs neither source nor engine. */
export async function readStatus(config: ProjectConfig): Promise<StatusReport> {
  const running = findRoles(config);
  await using catalog = await openCatalog(join(config.stateFolder, 'catalog'), { readOnly: true });
  const parts = catalog.entries<StatusReport>(statusKey);
  const whole = parts.get(statusKey);
  const since = whole?.updatedAt ?? '';
  const isLive = (key: string) => running.some((holder) => placeKey(holder) === key);
  // The parts of roles count unless everything ran in one process later on.
  const later = [...parts].filter(
    ([key, part]) => key !== statusKey && (part.updatedAt ?? '') > since,
  );
  // What a loader that has ended knew is known better by the one that took its shares over.
  const current = later.filter(([key]) => !key.includes('load') || isLive(key));
  const report =
    later.length === 0
      ? (whole ?? emptyStatus)
      : merge((current.length === 0 ? later : current).map(([, part]) => part));
  const [first] = running;
  return {
    ...emptyStatus,
    ...report,
    running: first === undefined ? null : { pid: first.pid, since: first.since },
    roles: rolesOf(config, running),
    verified: verifiedThrough(catalog),
    verifyFailures: verifyFailures(catalog),
  };
}

function placeKey({ role, number }: { readonly role: Role | 'all'; readonly number: number }) {
  if (role === 'all') return statusKey;
  return role === 'load' ? `${statusKey}/load-${number}` : `${statusKey}/${role}`;
}

function rolesOf(config: ProjectConfig, running: ReturnType<typeof findRoles>): RoleStatus[] {
  const host = hostname();
  const found = running.map(({ role, pid, since }) => ({ role, process: { pid, host, since } }));
  if (config.log.type === 'embedded' || found.some(({ role }) => role === 'all')) return found;
  const own = ['capture', 'load', 'layers', ...(config.sinks.length > 0 ? ['sinks'] : [])] as const;
  const missing = (own as readonly Role[]).filter(
    (role) => !found.some((each) => each.role === role),
  );
  return [...found, ...missing.map((role) => ({ role, process: null }))];
}

/** Each role fills in its own part and leaves the others empty. */
function merge(parts: readonly StatusReport[]): StatusReport {
  const first = <T>(of: (part: StatusReport) => T | null) =>
    parts.map(of).find((each) => each !== null) ?? null;
  const sum = (of: (part: StatusReport) => number) =>
    parts.reduce((total, part) => total + of(part), 0);
  const most = (of: (part: StatusReport) => number) => Math.max(0, ...parts.map(of));
  return {
    ...emptyStatus,
    source: first(({ source }) => source),
    lag: first(({ lag }) => lag),
    freshness: first(({ freshness }) => freshness),
    rows: { perSecond: sum(({ rows }) => rows.perSecond), total: sum(({ rows }) => rows.total) },
    // Every loader meets every transaction.
    transactions: most(({ transactions }) => transactions),
    log: {
      entries: most(({ log }) => log.entries),
      bytes: most(({ log }) => log.bytes),
      behind: most(({ log }) => log.behind),
    },
    consumers: parts.flatMap(({ consumers }) => consumers),
    snapshot: parts.flatMap(({ snapshot }) => snapshot),
    unmatched: parts.flatMap(({ unmatched }) => unmatched),
    layers: parts.flatMap(({ layers }) => layers),
    sinks: parts.flatMap(({ sinks }) => sinks),
    errors: parts.flatMap(({ errors }) => errors),
    updatedAt:
      parts
        .map(({ updatedAt }) => updatedAt)
        .sort()
        .at(-1) ?? null,
  };
}
