import type { RowChange } from './delta-reader.ts';
import type { Effect, MoveKind } from './explanation.ts';
import type { StoredRow } from './stored-rows.ts';

/** A change of a row as the rows above see it. */
export interface MovedPair {
  readonly change: RowChange;
  readonly kind: MoveKind;
}

export function effectOf(pairs: readonly MovedPair[]): Effect {
  const effect = { entered: 0, left: 0, movedIn: 0, movedOut: 0, changed: 0 };
  for (const { kind } of pairs) effect[kind] += 1;
  return effect;
}

/** Both states of all of them. */
export function rowsOf(pairs: readonly MovedPair[]): StoredRow[] {
  return pairs.flatMap(({ change: { before, after } }) => {
    return [before, after].filter((row) => row !== undefined);
  });
}
