import { quoteIdentifier } from '../../engine/sql-quote.ts';
import type { NodeTables } from '../layer-names.ts';
import type { BoundSelect } from '../model/binding.ts';
import { storedColumns } from '../model/key-places.ts';
import { type Relation, renderEmptyScan, type TypedColumn } from '../model/relation.ts';
import { affectedGroups, type GroupExpression, groupLookups, scanGroups } from './group-scope.ts';
import type { Lookup } from './lookups.ts';
import {
  type Changes,
  type MaintainedNode,
  type NodeOptions,
  nodeRelation,
  type Omission,
  type Scope,
} from './maintained-node.ts';
import { groupSource, type NodeSource } from './node-sources.ts';

/** How a SELECT over one model or stage falls into groups of rows that are recomputed whole. */
export interface GroupShape {
  readonly bound: BoundSelect;
  /** Without any, all of it is one group. */
  readonly groups: readonly GroupExpression[];
  /** `visible`: how many columns the SELECT itself has. */
  place(visible: number): GroupPlaces;
  render(hidden: readonly string[], scan: string): string;
}

export interface GroupPlaces {
  /** Places among the stored columns: of the group, and of what else tells its rows apart. */
  readonly group: readonly number[];
  readonly within: readonly number[];
  /** Columns that are added to the SELECT for them. */
  readonly hidden: readonly string[];
}

/** The query whose DESCRIBE gives the columns; reads no table. */
export function describeGroups(shape: GroupShape): string {
  const { relation, columns, alias } = shape.bound.driving;
  const scan = `${renderEmptyScan(relation, columns)} AS ${quoteIdentifier(alias)}`;
  return shape.render(shape.place(0).hidden, scan);
}

/**
 * The groups of old and of new rows of the source are recomputed whole, so whatever is computed within them is right, and what
 * came of a group that has no rows any more disappears.
 */
export class GroupedNode implements MaintainedNode {
  readonly relation: Relation;
  readonly columns: readonly TypedColumn[];
  readonly refreshKey: readonly TypedColumn[];
  readonly reads: readonly string[];
  readonly tables: NodeTables;
  readonly #shape: GroupShape;
  readonly #hidden: readonly string[];
  readonly #omit: Omission | undefined;

  constructor(shape: GroupShape, options: NodeOptions) {
    const { columns, tables, omit } = options;
    this.#shape = shape;
    this.#omit = omit;
    this.columns = columns;
    this.tables = tables;
    const visible = columns.length - shape.place(0).hidden.length;
    const { group, within, hidden } = shape.place(visible);
    this.#hidden = hidden;
    this.refreshKey = storedColumns(columns, group);
    const key = [...this.refreshKey, ...storedColumns(columns, within)];
    this.relation = nodeRelation(options, columns.slice(0, visible), key);
    this.reads = shape.bound.reads;
  }

  /** The rows of the group. */
  get sources(): readonly NodeSource[] {
    const { bound, groups } = this.#shape;
    const group = this.refreshKey.map((stored, index) => {
      return { text: groups[index]?.text ?? '', stored };
    });
    return [groupSource(bound, this.columns, group)];
  }

  get lookups(): readonly Lookup[] {
    return groupLookups(this.#shape.bound, this.#shape.groups);
  }

  affectedKeys(changes: Changes): string | undefined {
    return affectedGroups(this.#shape.bound, this.#shape.groups, changes);
  }

  recompute(scope: Scope | undefined): string {
    const scan = scanGroups(this.#shape.bound, this.#shape.groups, scope, this.#omit);
    return this.#shape.render(this.#hidden, scan);
  }
}
