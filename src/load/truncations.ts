import type { Catalog } from '../catalog/catalog.ts';
import type { Version } from '../change/position.ts';

export const truncatedPrefix = 'load/truncated/';

/** The newest truncate loaded of each table or part of it, by `scopeOf`; see `groupByTable` for what it is kept for. */
export function truncations(catalog: Catalog): Map<string, Version> {
  const found = catalog.entries<string>(truncatedPrefix);
  return new Map(
    [...found].map(([key, version]) => [key.slice(truncatedPrefix.length), BigInt(version)]),
  );
}

/** Catalog entries that store truncates. */
export function truncationKeys(truncates: ReadonlyMap<string, Version>): Record<string, string> {
  return Object.fromEntries(
    [...truncates].map(([scope, version]) => [truncatedPrefix + scope, version.toString()]),
  );
}
