import { quoteIdentifier } from '../../engine/sql-quote.ts';
import type { BoundRelation, BoundSelect } from '../model/binding.ts';
import type { Relation, TypedColumn } from '../model/relation.ts';
import type { SelectItem } from '../text/select-text.ts';
import type { Span } from '../text/sql-text.ts';

/**
 * Where the rows are found that a stored row of a node is made of: those of `relation`, called `alias`,
 * whose expressions equal the row's columns (NULL equals NULL). With no equalities it is made of all rows.
 */
export interface NodeSource {
  readonly relation: Relation;
  readonly alias: string;
  readonly equal: readonly SourceEquality[];
  /** Only rows for which this holds. */
  readonly where?: string;
  /** Columns of the relation that the node can mean. */
  readonly columns: readonly TypedColumn[];
  readonly reads: readonly ColumnRead[];
}

export interface SourceEquality {
  /** Over the columns of the source. */
  readonly expression: string;
  readonly type: string;
  readonly stored: TypedColumn;
}

/** A stored column is computed from this column of the source; `isPlain` when it is nothing else. */
export interface ColumnRead {
  readonly stored: string;
  readonly column: string;
  readonly isPlain: boolean;
}

/** Of a row of joined relations; `keyOf` gives the stored columns that hold a relation's key. */
export function rowSources(
  bound: BoundSelect,
  outputs: readonly TypedColumn[],
  keyOf: (bound: BoundRelation) => TypedColumn[],
): NodeSource[] {
  const reads = itemReads(bound, outputs);
  return bound.relations.map((source) => {
    const { relation, alias, columns } = source;
    const places = keyOf(source);
    const equal = relation.key.flatMap(({ name, type }, part): SourceEquality[] => {
      const stored = places[part];
      return stored === undefined ? [] : [{ expression: quoteIdentifier(name), type, stored }];
    });
    return { relation, alias, equal, columns, reads: reads.get(alias) ?? [] };
  });
}

/** Of a group or partition: the rows of its only source for which the expressions have the stored values. */
export function groupSource(
  bound: BoundSelect,
  outputs: readonly TypedColumn[],
  group: readonly { readonly text: string; readonly stored: TypedColumn }[],
): NodeSource {
  const { relation, alias, columns } = bound.driving;
  const equal = group.map(({ text, stored }) => {
    return { expression: text, type: stored.type, stored };
  });
  const { where } = bound.select;
  const reads = itemReads(bound, outputs).get(alias) ?? [];
  return { relation, alias, equal, columns, ...(where && { where: bound.expanded(where) }), reads };
}

type ReadsByAlias = Map<string, ColumnRead[]>;

function itemReads(bound: BoundSelect, stored: readonly TypedColumn[]): ReadsByAlias {
  const reads: ReadsByAlias = new Map();
  const { items } = bound.select;
  if (items.some(({ isStar }) => isStar)) {
    for (const { name } of stored) {
      const owners = bound.relations.filter(({ columns }) => columns.some((c) => c.name === name));
      if (owners.length !== 1) continue;
      for (const { alias } of owners)
        add(reads, alias, { stored: name, column: name, isPlain: true });
    }
    return reads;
  }
  for (const [index, item] of items.entries()) {
    const name = stored[index]?.name;
    if (name === undefined) continue;
    for (const read of readsOf(bound, item)) add(reads, read.alias, { ...read, stored: name });
  }
  return reads;
}

function readsOf(bound: BoundSelect, item: SelectItem) {
  const isPlain = bound.plainColumn(item.expression) !== undefined;
  return usesOf(bound, item.expression).flatMap((use) => {
    const alias = bound.ownerOf(use);
    return alias === undefined ? [] : [{ alias, column: use.name, isPlain }];
  });
}

function add(reads: ReadsByAlias, alias: string, read: ColumnRead & { alias?: string }): void {
  const { stored, column, isPlain } = read;
  const known = reads.get(alias) ?? [];
  reads.set(alias, known);
  if (!known.some((other) => other.stored === stored && other.column === column)) {
    known.push({ stored, column, isPlain });
  }
}

/** Columns that an expression reads, also through names of the SELECT list. */
function usesOf(bound: BoundSelect, span: Span) {
  const found = bound.usesIn(span);
  const direct = found.filter((use) => bound.ownerOf(use) !== undefined);
  const indirect = found.flatMap((use): typeof found => {
    if (use.table !== undefined || bound.ownerOf(use) !== undefined) return [];
    const item = bound.select.items.find(({ alias }) => alias === use.name);
    const isInside = item && use.start >= item.start && use.end <= item.end;
    return item === undefined || isInside ? [] : usesOf(bound, item.expression);
  });
  return [...direct, ...indirect];
}
