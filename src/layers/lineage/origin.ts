import type { RowRole } from './query-tree.ts';

/**
 * How a column works on what it reaches. Its value goes in: as it is, changed, or together with values of
 * other rows. Or it decides: which of several values (`condition`), or which rows there are.
 */
export type Influence = 'identity' | 'transformation' | 'aggregation' | 'condition' | RowRole;

/** A column of a table or model that something is made of, or depends on. */
export interface Origin {
  readonly table: string;
  readonly column: string;
  readonly influence: Influence;
  /** Where the statement uses it: an offset. */
  readonly at: number;
  /** It may be one of these columns; which one could not be told. */
  readonly isUncertain?: true;
}

const directInfluences: readonly Influence[] = ['identity', 'transformation', 'aggregation'];

/** Its value goes in. */
export function isDirect(influence: Influence): boolean {
  return directInfluences.includes(influence);
}

/** What these columns are for something that they reach by way of `outer`. */
export function through(outer: Influence, origins: readonly Origin[]): Origin[] {
  return origins.map((origin) => ({ ...origin, influence: combined(outer, origin.influence) }));
}

/** Of a chain of uses: whatever decides does so to the end, and of two changes the greater one counts. */
export function combined(outer: Influence, inner: Influence): Influence {
  if (!isDirect(outer)) return outer;
  if (!isDirect(inner)) return inner;
  return directInfluences.indexOf(outer) > directInfluences.indexOf(inner) ? outer : inner;
}

/** The same with another place: that of the name by which they are used. */
export function usedAt(at: number, origins: readonly Origin[]): Origin[] {
  return at < 0 ? [...origins] : origins.map((origin) => ({ ...origin, at }));
}

export function distinctOrigins(origins: readonly Origin[]): Origin[] {
  const byKey = new Map<string, Origin>();
  for (const origin of origins) {
    const { table, column, influence, at, isUncertain } = origin;
    byKey.set(JSON.stringify([table, column, influence, at, isUncertain]), origin);
  }
  return [...byKey.values()];
}
