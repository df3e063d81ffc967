import type { TypedColumn } from '../model/relation.ts';
import { textOf } from './cell.ts';
import type { ColumnChange } from './explanation.ts';
import type { StoredRow } from './stored-rows.ts';

/** The columns that differ between two states of a row, of a row that came or went all of them. */
export function columnChanges(
  before: StoredRow | undefined,
  after: StoredRow | undefined,
  columns: readonly TypedColumn[],
): ColumnChange[] {
  return columns.flatMap(({ name, type }): ColumnChange[] => {
    const from = textOf(before?.get(name) ?? null, type);
    const to = textOf(after?.get(name) ?? null, type);
    return from === to ? [] : [{ column: name, from, to }];
  });
}
