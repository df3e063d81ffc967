import type { BoundSelect } from '../model/binding.ts';
import { placeExpressions, placeKeys } from '../model/key-places.ts';
import { starWithoutKeys } from '../model/relation.ts';
import { renderTail } from '../text/stage-text.ts';
import { type GroupExpression, groupExpression } from './group-scope.ts';
import type { GroupShape } from './grouped-node.ts';

/**
 * Rows of one model or stage of which some depend on others: window functions, QUALIFY, LIMIT BY, LIMIT.
 * Rows depend on one another within a *partition* only: what all the windows and LIMITs of the SELECT are
 * partitioned by. With nothing in common, all of it is one partition.
 */
export function partitionShape(bound: BoundSelect): GroupShape {
  const groups = partitionOf(bound);
  return {
    bound,
    groups,
    place: (visible) => {
      const partition = placeExpressions(bound, groups, visible);
      const keys = placeKeys(bound, visible + partition.hidden.length);
      const key = keys.places.map(({ column }) => column);
      return {
        group: partition.places,
        within: key.filter((place) => !partition.places.includes(place)),
        hidden: [...partition.hidden, ...keys.hidden],
      };
    },
    render: (hidden, scan) => renderPartitions(bound, hidden, scan),
  };
}

/** Expressions that every window and LIMIT of the SELECT is partitioned by. */
function partitionOf(bound: BoundSelect): GroupExpression[] {
  const { windows, limits } = bound.select;
  const lists = [
    ...windows.map(({ partition }) => partition),
    ...limits.map(({ by = [] }) => by.map((span) => bound.meant(span))),
  ].map((list) => list.map((span) => groupExpression(bound, span)));
  const [first = [], ...others] = lists;
  const common = first.filter(({ canonical, text }, index) => {
    const isFirst = first.findIndex((other) => other.canonical === canonical) === index;
    const isEverywhere = others.every((list) =>
      list.some((other) => other.canonical === canonical),
    );
    // LIMIT BY may name a column that a window gives.
    return isFirst && isEverywhere && !/\bOVER\b/i.test(text);
  });
  return common;
}

function renderPartitions(bound: BoundSelect, hidden: readonly string[], scan: string): string {
  const { items, itemList, where } = bound.select;
  const except = starWithoutKeys([bound.driving.relation]);
  const stars = items.flatMap(({ isStar, end }) => {
    return isStar ? [{ start: end, end, text: except }] : [];
  });
  const list = [bound.text(itemList, stars), ...hidden].join(', ');
  const filter = where ? ` WHERE ${bound.text(where)}` : '';
  return `SELECT ${list} FROM ${scan}${filter}${renderTail(bound)}`;
}
