import type { NodeTables } from '../layer-names.ts';
import type { BoundSelect } from '../model/binding.ts';
import { placeExpressions, storedColumns } from '../model/key-places.ts';
import { type Relation, renderEmptyScan, type TypedColumn } from '../model/relation.ts';
import {
  affectedGroups,
  type GroupExpression,
  groupExpression,
  groupLookups,
  scanGroups,
} from './group-scope.ts';
import type { Lookup } from './lookups.ts';
import type { Changes, MaintainedNode, NodeOptions, Omission, Scope } from './maintained-node.ts';
import { groupSource, type NodeSource } from './node-sources.ts';

/** The query whose DESCRIBE gives the columns of the groups; reads no table. */
export function describeGroups(bound: BoundSelect): string {
  const { hidden } = placeExpressions(bound, groupsOf(bound), 0);
  const { relation, columns, alias } = bound.driving;
  return renderGroups(bound, hidden, `${renderEmptyScan(relation, columns)} AS \`${alias}\``);
}

/**
 * GROUP BY over one model or stage, or one row of aggregates over all of it. The groups of old and of
 * new rows of its source are recomputed whole, so every aggregate function is right, and a group that has
 * no rows any more disappears.
 */
export class GroupNode implements MaintainedNode {
  readonly relation: Relation;
  readonly columns: readonly TypedColumn[];
  readonly refreshKey: readonly TypedColumn[];
  readonly reads: readonly string[];
  readonly tables: NodeTables;
  readonly #bound: BoundSelect;
  readonly #hidden: readonly string[];
  readonly #groups: readonly GroupExpression[];
  readonly #omit: Omission | undefined;

  constructor(bound: BoundSelect, { name, tables, columns, omit }: NodeOptions) {
    this.#bound = bound;
    this.#omit = omit;
    this.#groups = groupsOf(bound);
    this.columns = columns;
    this.tables = tables;
    const visible = columns.length - placeExpressions(bound, this.#groups, 0).hidden.length;
    const { places, hidden } = placeExpressions(bound, this.#groups, visible);
    this.#hidden = hidden;
    this.refreshKey = storedColumns(columns, places);
    this.relation = {
      name,
      kind: 'model',
      physical: tables.rows,
      delta: tables.delta,
      columns: columns.slice(0, visible),
      key: this.refreshKey,
    };
    this.reads = bound.reads;
  }

  /** The rows of the group. */
  get sources(): readonly NodeSource[] {
    const group = this.refreshKey.map((stored, index) => {
      return { text: this.#groups[index]?.text ?? '', stored };
    });
    return [groupSource(this.#bound, this.columns, group)];
  }

  get lookups(): readonly Lookup[] {
    return groupLookups(this.#bound, this.#groups);
  }

  affectedKeys(changes: Changes): string | undefined {
    return affectedGroups(this.#bound, this.#groups, changes);
  }

  recompute(scope: Scope | undefined): string {
    const scan = scanGroups(this.#bound, this.#groups, scope, this.#omit);
    return renderGroups(this.#bound, this.#hidden, scan);
  }
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
