import { quoteIdentifier } from '../../engine/sql-quote.ts';
import type { NodeTables } from '../layer-names.ts';
import { nullSafe, type Relation, type TypedColumn } from '../model/relation.ts';
import { renderTuple } from '../text/sql-text.ts';
import type { Lookup } from './lookups.ts';
import type { NodeSource } from './node-sources.ts';

/**
 * A table that the layers keep equal to a query by recomputing the keys that may have changed.
 * One model is one node, or several: hidden stages below its own.
 */
export interface MaintainedNode {
  /** As a relation for its readers; its key is what identifies a row. */
  readonly relation: Relation;
  /** All stored columns but version and deleted: those of the SELECT, then hidden ones. */
  readonly columns: readonly TypedColumn[];
  /** The leading part of the key that is recomputed as one: driving key, or group. */
  readonly refreshKey: readonly TypedColumn[];
  readonly reads: readonly string[];
  /** Which rows a stored row is made of, for `layers explain`; absent when that cannot be told. */
  readonly sources?: readonly NodeSource[];
  readonly tables: NodeTables;
  /** How its statements look into tables by something else than their key. */
  readonly lookups?: readonly Lookup[];
  /** SELECT of `k1`, `k2`, ... : at least the refresh keys whose rows may differ; undefined when none can. */
  affectedKeys(changes: Changes): string | undefined;
  /** SELECT of `columns`, in order, limited to the scope; of everything when undefined. */
  recompute(scope: Scope | undefined): string;
}

/** What the compiler gives every node. */
export interface NodeOptions {
  readonly name: string;
  readonly tables: NodeTables;
  /** As the engine names and types them. */
  readonly columns: readonly TypedColumn[];
  readonly omit?: Omission;
}

/** What a node is to its readers; `columns` are those of the SELECT. */
export function nodeRelation(
  { name, tables }: NodeOptions,
  columns: readonly TypedColumn[],
  key: readonly TypedColumn[],
): Relation {
  return { name, kind: 'model', physical: tables.rows, delta: tables.delta, columns, key };
}

/** The changes of a refresh, as the nodes see them. */
export interface Changes {
  /**
   * A parenthesised query with the changed rows of a relation: for a table their current images (deleted
   * ones included), for a model old and new rows. Undefined when nothing has changed.
   */
  rowsOf(relation: Relation): string | undefined;
}

/** Columns `k1`, `k2`, ... of the given types; `from` follows the word FROM. */
export interface KeySet {
  readonly from: string;
  readonly types: readonly string[];
}

/** What is recomputed, and what is known about the cost of reading. */
export interface Scope {
  readonly keys: KeySet;
  /** So few rows that reading all of them costs less than planning to read some. */
  readonly isSmall: (relation: Relation) => boolean;
}

/** Conditions of the method that a test can leave out, to prove that each is needed. @internal */
export type Omission =
  | 'old-matches'
  | 'new-matches'
  | 'old-images'
  | 'old-groups'
  | 'new-groups'
  | 'hops'
  | 'null-safe'
  | 'sets'
  | 'one-cut'
  | 'kept-deltas';

/** `(expressions) IN keys`, where NULL equals NULL. Without expressions everything is one group. */
export function renderInKeys(
  expressions: readonly string[],
  keys: KeySet,
  omit?: Omission,
): string {
  if (expressions.length === 0) return '1';
  const safe = (expression: string, index: number) => {
    const type = keys.types[index] ?? '';
    return omit === 'null-safe' ? [expression] : nullSafe(expression, type);
  };
  const left = expressions.flatMap(safe);
  const right = keys.types.flatMap((_, index) => safe(`k${index + 1}`, index));
  return `${renderTuple(left)} IN (SELECT ${right.join(', ')} FROM ${keys.from})`;
}

export function quoteColumns(columns: readonly TypedColumn[], alias?: string): string[] {
  const prefix = alias === undefined ? '' : `${quoteIdentifier(alias)}.`;
  return columns.map(({ name }) => prefix + quoteIdentifier(name));
}

/** `a AS k1, b AS k2`; the one group of everything has a row without keys. */
export function renderKeyItems(expressions: readonly string[]): string {
  if (expressions.length === 0) return '1 AS k0';
  return expressions.map((expression, index) => `${expression} AS k${index + 1}`).join(', ');
}
