import type { Cause, ColumnChange, HistoryStep } from './explanation.ts';

/** Each changed row once, those that moved most rows first. */
export function rankCauses(
  causes: readonly Cause[],
  limit: number,
): Pick<HistoryStep, 'causes' | 'causesOmitted'> {
  const byRow = new Map<string, Cause>();
  for (const cause of causes) {
    const row = JSON.stringify([cause.table, cause.key]);
    const other = byRow.get(row);
    byRow.set(row, other === undefined ? cause : merged(other, cause));
  }
  const ranked = [...byRow.values()].sort((left, right) => weight(right) - weight(left));
  return {
    causes: ranked.slice(0, limit),
    causesOmitted: Math.max(0, ranked.length - limit),
  };
}

/** A table may be read under several names, and by several models on the way. */
function merged(left: Cause, right: Cause): Cause {
  const [more, less] = weight(left) >= weight(right) ? [left, right] : [right, left];
  const columns = new Map<string, ColumnChange>();
  for (const change of [...more.columns, ...less.columns]) {
    if (!columns.has(change.column)) columns.set(change.column, change);
  }
  return { ...more, columns: [...columns.values()] };
}

function weight({ effect }: Cause): number {
  return Object.values(effect).reduce((sum, count) => sum + count, 0);
}
