import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Catalog } from '../catalog/catalog.ts';
import { publishedModels } from '../layers/published-models.ts';
import type { SuspectKeys } from '../layers/verify/verified-layers.ts';

const suspectPrefix = 'suspects/';
const pollMs = 20;

/** Suspects by the id of the request, oldest first; kept until the cut that has recomputed them is published. */
export type SuspectRequests = ReadonlyMap<string, readonly SuspectKeys[]>;

export function pendingSuspects(catalog: Catalog): SuspectRequests {
  const found = catalog.entries<readonly SuspectKeys[]>(suspectPrefix);
  return new Map([...found].map(([key, keys]) => [key.slice(suspectPrefix.length), keys]));
}

/** What a refresh takes: SELECT of keys by node. Keys of tables that are no longer in use are left out. */
export function suspectsOf(catalog: Catalog, requests: SuspectRequests): Map<string, string> {
  const current = new Set(publishedModels(catalog).map(({ physical }) => physical));
  const keys = new Map<string, string>();
  for (const suspect of [...requests.values()].flat()) {
    if (!current.has(suspect.modelTable)) continue;
    const known = keys.get(suspect.node);
    keys.set(
      suspect.node,
      known === undefined ? suspect.keys : `${known} UNION ALL ${suspect.keys}`,
    );
  }
  return keys;
}

/** Catalog entries that say they are done. */
export function suspectKeys(done: SuspectRequests): Record<string, undefined> {
  return Object.fromEntries([...done.keys()].map((id) => [suspectPrefix + id, undefined]));
}

/**
 * Asks whoever has the layers for a refresh with these keys, whatever has changed; resolves when its cut is published. Without
 * any keys it brings in rows that were sent again while the source stands still.
 */
export async function requestRefresh(
  catalog: Catalog,
  suspects: readonly SuspectKeys[],
  signal: AbortSignal,
): Promise<void> {
  const key = suspectPrefix + randomUUID();
  await catalog.put(key, suspects);
  try {
    while (catalog.get(key) !== undefined) await delay(pollMs, undefined, { signal });
  } catch (error) {
    await catalog.remove(key);
    throw error;
  }
}
