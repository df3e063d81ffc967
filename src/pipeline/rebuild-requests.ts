import { randomUUID } from 'node:crypto';
import type { Catalog } from '../catalog/catalog.ts';
import type { TableId } from '../change/table-id.ts';
import { refillKeys } from './sink-requests.ts';

const rebuildPrefix = 'rebuild/';

/**
 * Tables whose readers are to be rebuilt with the next cut, because their rows came from somewhere else than
 * the end of the log. Kept until that cut is published, so that no crash loses one; each has its own id.
 */
export function pendingRebuilds(catalog: Catalog): Map<TableId, string> {
  const found = catalog.entries<string>(rebuildPrefix);
  return new Map([...found].map(([key, id]) => [key.slice(rebuildPrefix.length), id]));
}

/** Asks for the rebuild of everything that reads these tables; sinks get the tables once more. */
export async function requestRebuild(catalog: Catalog, tables: readonly TableId[]): Promise<void> {
  const id = randomUUID();
  const rebuilds = tables.map((table) => [rebuildPrefix + table, id]);
  await catalog.batch({ ...Object.fromEntries(rebuilds), ...refillKeys(catalog, tables) });
}

/** Catalog entries that say the rebuilds are done; one asked for again meanwhile stays. */
export function rebuildKeys(
  catalog: Catalog,
  done: ReadonlyMap<TableId, string>,
): Record<string, undefined> {
  const pending = pendingRebuilds(catalog);
  const tables = [...done].filter(([table, id]) => pending.get(table) === id);
  return Object.fromEntries(tables.map(([table]) => [rebuildPrefix + table, undefined]));
}
