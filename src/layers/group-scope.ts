import { quoteIdentifier } from '../engine/sql-quote.ts';
import type { BoundRelation, BoundSelect } from './binding.ts';
import {
  type Changes,
  type Omission,
  quoteColumns,
  renderInKeys,
  renderKeyItems,
  type Scope,
} from './maintained-node.ts';
import { isNullable, renderScan } from './relation.ts';
import type { Span } from './sql-text.ts';
import { renderTuple } from './sql-text.ts';

/** An expression over the one relation of a SELECT whose value says what is recomputed together. */
export interface GroupExpression {
  readonly canonical: string;
  /** In columns of the relation only. */
  readonly text: string;
}

export function groupExpression(bound: BoundSelect, span: Span): GroupExpression {
  return { canonical: bound.canonical(span), text: bound.expanded(span) };
}

/** SELECT of the groups of old and of new rows of what a node reads. */
export function affectedGroups(
  bound: BoundSelect,
  groups: readonly GroupExpression[],
  changes: Changes,
): string | undefined {
  const { relation, alias } = bound.driving;
  const rows = changes.rowsOf(relation);
  if (rows === undefined) return undefined;
  const items = renderKeyItems(groups.map(({ text }) => text));
  return `SELECT DISTINCT ${items} FROM ${rows} AS ${quoteIdentifier(alias)}`;
}

/** The rows of the groups in scope. */
export function scanGroups(
  { driving }: BoundSelect,
  groups: readonly GroupExpression[],
  scope: Scope | undefined,
  omit: Omission | undefined,
): string {
  const { alias, columns, relation } = driving;
  const where =
    scope === undefined || groups.length === 0
      ? {}
      : { where: restriction(driving, groups, scope, omit) };
  const scan = renderScan(relation, { alias, columns, ...where });
  return `${scan} AS ${quoteIdentifier(alias)}`;
}

function restriction(
  { relation, alias }: BoundRelation,
  groups: readonly GroupExpression[],
  { keys, isSmall }: Scope,
  omit: Omission | undefined,
): string {
  const texts = groups.map(({ text }) => text);
  const isInGroups = renderInKeys(texts, keys, omit);
  const indexed = relation.key.filter(({ type }) => !isNullable(type));
  if (indexed.length === 0 || isSmall(relation)) return isInGroups;
  // Under FINAL only conditions on the key are checked before all columns are read.
  const names = quoteColumns(indexed);
  const from = `${relation.physical} AS ${quoteIdentifier(alias)}`;
  const rows = `SELECT ${names.join(', ')} FROM ${from} WHERE ${isInGroups}`;
  return `${renderTuple(names)} IN (${rows}) AND ${isInGroups}`;
}
