import { quoteIdentifier } from '../../engine/sql-quote.ts';
import type { BoundRelation, BoundSelect } from '../model/binding.ts';
import { isNullable, renderScan, type ScanOptions } from '../model/relation.ts';
import type { Span } from '../text/sql-text.ts';
import { renderTuple } from '../text/sql-text.ts';
import { hashOf, type Lookup } from './lookups.ts';
import {
  type Changes,
  type Omission,
  quoteColumns,
  renderInKeys,
  renderKeyItems,
  type Scope,
} from './maintained-node.ts';

/** An expression over the one relation of a SELECT whose value says what is recomputed together. */
export interface GroupExpression {
  readonly canonical: string;
  /** In columns of the relation only. */
  readonly text: string;
}

/** Rows are looked for by their group, for which an ODS table, whose columns come and go, is not prepared. */
export function groupLookups(
  { driving }: BoundSelect,
  groups: readonly GroupExpression[],
): Lookup[] {
  const { relation } = driving;
  if (relation.kind === 'table' || relation.key.length === 0 || groups.length === 0) return [];
  if (areOfKey(driving, groups)) return [];
  return [{ relation, expression: hashOf(groups.map((group) => bareText(driving, group))) }];
}

/** The order of the table serves as well. */
function areOfKey(driving: BoundRelation, groups: readonly GroupExpression[]): boolean {
  const key = new Set(quoteColumns(driving.relation.key));
  return groups.every((group) => {
    return (bareText(driving, group).match(/`[^`]+`/g) ?? []).every((column) => key.has(column));
  });
}

function bareText({ alias }: BoundRelation, { canonical }: GroupExpression): string {
  return canonical.replaceAll(`${quoteIdentifier(alias)}.`, '');
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
    scope === undefined || groups.length === 0 ? {} : restriction(driving, groups, scope, omit);
  const scan = renderScan(relation, { alias, columns, ...where });
  return `${scan} AS ${quoteIdentifier(alias)}`;
}

function restriction(
  driving: BoundRelation,
  groups: readonly GroupExpression[],
  { keys, isSmall }: Scope,
  omit: Omission | undefined,
): Pick<ScanOptions, 'where' | 'isNullEqual'> {
  const { relation, alias } = driving;
  const texts = groups.map(({ text }) => text);
  const isInGroups = renderInKeys(texts, keys, omit);
  if (relation.key.length === 0 || isSmall(relation)) return { where: isInGroups };
  // A user's expression may itself ask for NULL in a list.
  const isNullKept = omit !== 'null-safe' && texts.every((text) => !/\bIN\b/i.test(text));
  if (areOfKey(driving, groups)) {
    if (!isNullKept) return { where: isInGroups };
    // In the form that the index understands.
    return { where: renderInKeys(texts, keys, 'null-safe'), isNullEqual: true };
  }
  const indexed = isNullKept ? relation.key : relation.key.filter(({ type }) => !isNullable(type));
  if (indexed.length === 0) return { where: isInGroups };
  // Under FINAL only conditions on the key are checked before all columns are read.
  const names = quoteColumns(indexed);
  const from = `${relation.physical} AS ${quoteIdentifier(alias)}`;
  const hashes = hashOf(keys.types.map((_, index) => `k${index + 1}`));
  const isFound = `${hashOf(texts)} IN (SELECT ${hashes} FROM ${keys.from})`;
  const rows = `SELECT ${names.join(', ')} FROM ${from} WHERE ${isFound}`;
  const where = `${renderTuple(names)} IN (${rows}) AND ${isInGroups}`;
  return { where, ...(isNullKept && { isNullEqual: true }) };
}
