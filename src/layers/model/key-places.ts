import { quoteIdentifier } from '../../engine/sql-quote.ts';
import { UnsupportedSql } from '../text/token-ranges.ts';
import type { BoundSelect } from './binding.ts';
import { hiddenPrefix, keyPrefix, type TypedColumn } from './relation.ts';

/** Where a column of a relation's key is found in the stored rows: an output, or a hidden column. */
export interface KeyPlace {
  readonly alias: string;
  /** From 0, in the relation's key. */
  readonly part: number;
  /** Place among the stored columns. */
  readonly column: number;
}

/** Finds each relation's key among the outputs, and names a hidden column for every part that is not there. */
export function placeKeys(
  bound: BoundSelect,
  visible: number,
): { places: KeyPlace[]; hidden: string[] } {
  const { items } = bound.select;
  const places: KeyPlace[] = [];
  const hidden: string[] = [];
  const hasOutputs = !items.some((item) => item.isStar);
  for (const { alias, relation } of bound.relations) {
    for (const [part, key] of relation.key.entries()) {
      const output = items.findIndex((item) => {
        const use = bound.plainColumn(item.expression);
        return use?.name === key.name && bound.ownerOf(use) === alias;
      });
      if (hasOutputs && output >= 0) {
        places.push({ alias, part, column: output });
        continue;
      }
      places.push({ alias, part, column: visible + hidden.length });
      const name = quoteIdentifier(`${hiddenPrefix}${alias}_${key.name}`);
      hidden.push(`${quoteIdentifier(alias)}.${keyPrefix}${part + 1} AS ${name}`);
    }
  }
  return { places, hidden };
}

/** Finds expressions among the outputs, and makes hidden columns of the others. */
export function placeExpressions(
  bound: BoundSelect,
  expressions: readonly { canonical: string; text: string }[],
  visible: number,
): { places: number[]; hidden: string[] } {
  const { items } = bound.select;
  const outputs = items.some((item) => item.isStar)
    ? []
    : items.map((item) => bound.canonical(item.expression));
  const hidden: string[] = [];
  const places = expressions.map(({ canonical, text }, index) => {
    const output = outputs.indexOf(canonical);
    if (output >= 0) return output;
    hidden.push(`${text} AS ${quoteIdentifier(`${hiddenPrefix}group_${index + 1}`)}`);
    return visible + hidden.length - 1;
  });
  return { places, hidden };
}

/** The columns of a node, as far as it can store them. */
export function storedColumns(columns: readonly TypedColumn[], places: readonly number[]) {
  return places.map((place) => {
    const column = columns[place];
    if (column === undefined) throw new UnsupportedSql('its outputs are not understood');
    return column;
  });
}
