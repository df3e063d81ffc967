import type { Catalog } from '../catalog/catalog.ts';
import type { Version } from '../change/position.ts';
import type { TableId } from '../change/table-id.ts';

const truncatedPrefix = 'load/truncated/';

/** The newest truncate loaded of each table; see `groupByTable` for what it is kept for. */
export function truncations(catalog: Catalog): Map<TableId, Version> {
  const found = catalog.entries<string>(truncatedPrefix);
  return new Map(
    [...found].map(([key, version]) => [key.slice(truncatedPrefix.length), BigInt(version)]),
  );
}

/** Catalog entries that store truncates. */
export function truncationKeys(truncates: ReadonlyMap<TableId, Version>): Record<string, string> {
  return Object.fromEntries(
    [...truncates].map(([table, version]) => [truncatedPrefix + table, version.toString()]),
  );
}
