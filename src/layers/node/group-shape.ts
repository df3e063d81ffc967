import type { BoundSelect } from '../model/binding.ts';
import { placeExpressions } from '../model/key-places.ts';
import { type GroupExpression, groupExpression } from './group-scope.ts';
import type { GroupShape } from './grouped-node.ts';

/** GROUP BY over one model or stage, or one row of aggregates over all of it; any aggregate function. */
export function groupShape(bound: BoundSelect): GroupShape {
  const groups = groupsOf(bound);
  return {
    bound,
    groups,
    place: (visible) => {
      const { places, hidden } = placeExpressions(bound, groups, visible);
      return { group: places, within: [], hidden };
    },
    render: (hidden, scan) => renderGroups(bound, hidden, scan),
  };
}

/** GROUP BY in columns of the source only, each once: positions and aliases of the SELECT list are resolved. */
function groupsOf(bound: BoundSelect): GroupExpression[] {
  const groups = bound.select.groupBy.map((group) => {
    return groupExpression(bound, bound.meant(group));
  });
  const texts = groups.map(({ canonical }) => canonical);
  return groups.filter(({ canonical }, index) => texts.indexOf(canonical) === index);
}

function renderGroups(bound: BoundSelect, hidden: readonly string[], scan: string): string {
  const { itemList, where, groupBy, having } = bound.select;
  const list = [bound.text(itemList), ...hidden].join(', ');
  const clauses = [
    `SELECT ${list} FROM ${scan}`,
    where ? `WHERE ${bound.text(where)}` : '',
    groupBy.length > 0 ? `GROUP BY ${groupBy.map((group) => bound.text(group)).join(', ')}` : '',
    having ? `HAVING ${bound.text(having)}` : '',
  ];
  return clauses.filter((clause) => clause !== '').join(' ');
}
