import type { RowChange } from './delta-reader.ts';
import type { Effect, MovedRow } from './explanation.ts';
import type { StoredRow } from './stored-rows.ts';

/** A change of a row as the rows above see it. */
export interface MovedPair {
  readonly change: RowChange;
  readonly kind: MovedRow['kind'];
}

export function effectOf(pairs: readonly MovedPair[]): Effect {
  const count = (kind: MovedRow['kind']) => pairs.filter((pair) => pair.kind === kind).length;
  return { entered: count('entered'), left: count('left'), changed: count('changed') };
}

/** Both states of all of them. */
export function rowsOf(pairs: readonly MovedPair[]): StoredRow[] {
  return pairs.flatMap(({ change: { before, after } }) => {
    return [before, after].filter((row) => row !== undefined);
  });
}
