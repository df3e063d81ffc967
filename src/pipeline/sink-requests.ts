import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Catalog } from '../catalog/catalog.ts';
import type { TableId } from '../change/table-id.ts';

const ownerKey = 'sinks/owner';
const refillPrefix = 'sinks/refill/';
const requestPrefix = 'sinks/request/';
const pollMs = 50;

/** Tells this state folder’s work in stores from that of others. */
export async function ownerOf(catalog: Catalog): Promise<string> {
  const known = catalog.get<string>(ownerKey);
  if (known !== undefined) return known;
  const id = randomUUID();
  await catalog.put(ownerKey, id);
  return id;
}

/** How often rows of the table have come that no change number tells of. */
export function refillsOf(catalog: Catalog, table: TableId): number {
  return catalog.get<number>(refillPrefix + table) ?? 0;
}

/** Catalog entries that let every sink send these tables again: rows were written into the middle of them. */
export function refillKeys(catalog: Catalog, tables: readonly TableId[]): Record<string, number> {
  const next = tables.map((table) => [refillPrefix + table, refillsOf(catalog, table) + 1]);
  return Object.fromEntries(next);
}

/** Tables of a sink that are to be made anew in its store. */
export interface AnewRequest {
  readonly sink: string;
  readonly tables: readonly TableId[];
}

/** The runner’s side: what is asked of a sink. */
export function requestsOf(catalog: Catalog, sink: string): Map<string, AnewRequest> {
  const all = catalog.entries<AnewRequest>(requestPrefix);
  return new Map([...all].filter(([, request]) => request.sink === sink));
}

/** The request is seen to. */
export function closeRequest(catalog: Catalog, key: string): Promise<void> {
  return catalog.remove(key);
}

/** Asks the process that runs the sinks to make tables anew; resolves when it has begun to. */
export async function askAnew(
  catalog: Catalog,
  request: AnewRequest,
  signal: AbortSignal,
): Promise<void> {
  const key = requestPrefix + randomUUID();
  await catalog.put(key, request);
  try {
    while (catalog.get(key) !== undefined) await delay(pollMs, undefined, { signal });
  } finally {
    await catalog.remove(key);
  }
}
