import { quoteIdentifier } from '../../engine/sql-quote.ts';
import type { NodeTables } from '../layer-names.ts';
import type { BoundSelect } from '../model/binding.ts';
import { placeExpressions, placeKeys, storedColumns } from '../model/key-places.ts';
import {
  type Relation,
  renderEmptyScan,
  starWithoutKeys,
  type TypedColumn,
} from '../model/relation.ts';
import { renderTail } from '../text/stage-text.ts';
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

/** The query whose DESCRIBE gives the columns of the rows; reads no table. */
export function describePartitions(bound: BoundSelect): string {
  const { relation, columns, alias } = bound.driving;
  const scan = `${renderEmptyScan(relation, columns)} AS ${quoteIdentifier(alias)}`;
  return renderPartitions(bound, hiddenColumns(bound, 0).hidden, scan);
}

/**
 * Rows of one model or stage of which some depend on others: window functions, QUALIFY, LIMIT BY, LIMIT.
 * Rows depend on one another within a *partition* only: what all the windows and LIMITs of the SELECT are
 * partitioned by. The partitions of old and of new rows are recomputed whole. With nothing in common, all
 * of it is one partition.
 */
export class PartitionNode implements MaintainedNode {
  readonly relation: Relation;
  readonly columns: readonly TypedColumn[];
  readonly refreshKey: readonly TypedColumn[];
  readonly reads: readonly string[];
  readonly tables: NodeTables;
  readonly #bound: BoundSelect;
  readonly #hidden: readonly string[];
  readonly #partition: readonly GroupExpression[];
  readonly #omit: Omission | undefined;

  constructor(bound: BoundSelect, { name, tables, columns, omit }: NodeOptions) {
    this.#bound = bound;
    this.#omit = omit;
    this.#partition = partitionOf(bound);
    this.columns = columns;
    this.tables = tables;
    const visible = columns.length - hiddenColumns(bound, 0).hidden.length;
    const { partition, key, hidden } = hiddenColumns(bound, visible);
    this.#hidden = hidden;
    this.refreshKey = storedColumns(columns, partition);
    const rest = key.filter((place) => !partition.includes(place));
    this.relation = {
      name,
      kind: 'model',
      physical: tables.rows,
      delta: tables.delta,
      columns: columns.slice(0, visible),
      key: [...this.refreshKey, ...storedColumns(columns, rest)],
    };
    this.reads = bound.reads;
  }

  /** The rows of the partition. */
  get sources(): readonly NodeSource[] {
    const group = this.refreshKey.map((stored, index) => {
      return { text: this.#partition[index]?.text ?? '', stored };
    });
    return [groupSource(this.#bound, this.columns, group)];
  }

  get lookups(): readonly Lookup[] {
    return groupLookups(this.#bound, this.#partition);
  }

  affectedKeys(changes: Changes): string | undefined {
    return affectedGroups(this.#bound, this.#partition, changes);
  }

  recompute(scope: Scope | undefined): string {
    const scan = scanGroups(this.#bound, this.#partition, scope, this.#omit);
    return renderPartitions(this.#bound, this.#hidden, scan);
  }
}

/** Expressions that every window and LIMIT of the SELECT is partitioned by. */
export function partitionOf(bound: BoundSelect): GroupExpression[] {
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

function hiddenColumns(bound: BoundSelect, visible: number) {
  const partition = placeExpressions(bound, partitionOf(bound), visible);
  const keys = placeKeys(bound, visible + partition.hidden.length);
  return {
    partition: partition.places,
    key: keys.places.map(({ column }) => column),
    hidden: [...partition.hidden, ...keys.hidden],
  };
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
