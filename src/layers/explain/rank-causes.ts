import type { Cause, ColumnChange, HistoryStep } from './explanation.ts';
import { effectOf, type MovingCause } from './moved-pair.ts';

/** Each changed row once, those that moved most rows first. */
export function rankCauses(
  causes: readonly MovingCause[],
  limit: number,
): Pick<HistoryStep, 'causes' | 'causesOmitted'> {
  const byRow = new Map<string, MovingCause>();
  for (const cause of causes) {
    const row = JSON.stringify([cause.table, cause.key]);
    const other = byRow.get(row);
    byRow.set(row, other === undefined ? cause : merged(other, cause));
  }
  const ranked = [...byRow.values()].sort((left, right) => right.pairs.length - left.pairs.length);
  return {
    causes: ranked.slice(0, limit).map(told),
    causesOmitted: Math.max(0, ranked.length - limit),
  };
}

/** A table may be read under several names, and by several models on the way. */
function merged(left: MovingCause, right: MovingCause): MovingCause {
  const [more, less] = left.pairs.length >= right.pairs.length ? [left, right] : [right, left];
  const columns = new Map<string, ColumnChange>();
  for (const change of [...more.columns, ...less.columns]) {
    if (!columns.has(change.column)) columns.set(change.column, change);
  }
  return { ...more, columns: [...columns.values()] };
}

function told({ pairs, ...cause }: MovingCause): Cause {
  return { ...cause, effect: effectOf(pairs) };
}
