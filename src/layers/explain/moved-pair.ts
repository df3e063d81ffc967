import { quoteIdentifier } from '../../engine/sql-quote.ts';
import type { NodeSource } from '../node/node-sources.ts';
import type { RowChange } from './delta-reader.ts';
import type { Cause, Effect, MoveKind } from './explanation.ts';
import { meetingPoint, type StoredRow } from './stored-rows.ts';

/** A change of a row as the rows above see it. */
export interface MovedPair {
  readonly change: RowChange;
  readonly kind: MoveKind;
}

/** A cause with the rows of its level that it moved. */
export interface MovingCause extends Omit<Cause, 'effect'> {
  readonly pairs: readonly MovedPair[];
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

/** Those that are or were made of this row of a source which is found by its key. */
export function pairsOf(
  { equal, relation }: NodeSource,
  row: StoredRow,
  pairs: readonly MovedPair[],
): MovedPair[] {
  const byExpression = new Map(
    relation.key.map(({ name }) => [quoteIdentifier(name), row.get(name) ?? null]),
  );
  const known = equal.filter(({ expression }) => byExpression.has(expression));
  const point = JSON.stringify(known.map(({ expression }) => byExpression.get(expression)));
  return pairs.filter(({ change: { before, after } }) => {
    return [before, after].some(
      (each) => each !== undefined && meetingPoint(known, each) === point,
    );
  });
}
