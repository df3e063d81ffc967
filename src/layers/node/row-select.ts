import { quoteIdentifier } from '../../engine/sql-quote.ts';
import type { BoundRelation, BoundSelect, BoundSet } from '../model/binding.ts';
import { starWithoutKeys } from '../model/relation.ts';
import type { Edit } from '../text/sql-text.ts';

/** A relation in FROM by its alias, with superseded rows. */
export function renderSource({ relation, alias }: BoundRelation): string {
  return `${relation.physical} AS ${quoteIdentifier(alias)}`;
}

/** Puts queries in the place of stored sets. */
export function setEdits({ sets }: BoundSelect, queryOf: (set: BoundSet) => string): Edit[] {
  return sets.map((set) => ({ ...set.query, text: `(${queryOf(set)})` }));
}

/** The user's SELECT with queries in the place of its relations and sets. */
export function renderSelect(
  bound: BoundSelect,
  { hidden, sets }: { hidden: readonly string[]; sets: readonly Edit[] },
  scanOf: (bound: BoundRelation) => string,
): string {
  const { select } = bound;
  const edits: Edit[] = bound.relations.map((relation) => {
    return { ...relation.span, text: `${scanOf(relation)} AS ${quoteIdentifier(relation.alias)}` };
  });
  const except = starWithoutKeys(bound.relations.map(({ relation }) => relation));
  for (const item of select.items) {
    if (item.isStar) edits.push({ start: item.end, end: item.end, text: except });
  }
  const all = [...edits, ...sets];
  const list = [bound.text(select.itemList, all), ...hidden].join(', ');
  const where = select.where ? ` WHERE ${bound.text(select.where, all)}` : '';
  return `SELECT ${list} FROM ${bound.text(select.from, all)}${where}`;
}
