import { BoundSelect } from './binding.ts';
import type { Relation } from './relation.ts';
import { isUnsupported, readSelect } from './select-text.ts';
import { parseSql } from './sql-parser.ts';
import { renderTuple } from './sql-text.ts';
import { UnsupportedSql } from './token-ranges.ts';

/** `EXISTS (SELECT ... WHERE inner = outer AND ...)` as a question whether `outer` is in a set. */
export interface ExistsText {
  /** SELECT DISTINCT of the values that exist. */
  readonly stage: string;
  /** What is looked up; undefined when the query has nothing to do with the rows around it. */
  readonly operand?: string;
}

/**
 * EXISTS is never NULL, and a NULL equals nothing: values with a NULL are left out of the set, and what
 * asks with a NULL finds nothing (the caller turns that into 0).
 */
export function readExists(sql: string, lookup: (name: string) => Relation): ExistsText {
  const select = readSelect(parseSql(sql));
  if (isUnsupported(select)) throw new UnsupportedSql(select.reason);
  const isPlain = select.groupBy.length === 0 && !select.having && !select.qualify;
  if (!isPlain || select.limits.length > 0) {
    throw new UnsupportedSql('it has an EXISTS that is more than FROM and WHERE');
  }
  const bound = new BoundSelect(select, lookup);
  const inner: string[] = [];
  const outer: string[] = [];
  const rest: string[] = [];
  for (const condition of select.filters) {
    const isInner = (span: { start: number; end: number }) => {
      const owners = bound.usesIn(span).map((use) => bound.ownerOf(use) !== undefined);
      return { all: owners.every(Boolean), none: !owners.some(Boolean), count: owners.length };
    };
    if (isInner(condition).all) {
      rest.push(bound.text(condition));
      continue;
    }
    const sides = condition.sides ?? [];
    const own = sides.find((side) => isInner(side).all && isInner(side).count > 0);
    const other = sides.find((side) => isInner(side).none && isInner(side).count > 0);
    if (own === undefined || other === undefined) {
      throw new UnsupportedSql('it has an EXISTS that compares with other than equality');
    }
    inner.push(bound.text(own));
    outer.push(bound.text(other));
  }
  const from = bound.text(select.from);
  if (inner.length === 0) {
    const where = rest.length > 0 ? ` WHERE ${rest.join(' AND ')}` : '';
    return { stage: `SELECT count() > 0 AS found FROM ${from}${where}` };
  }
  const conditions = [
    ...rest.map((text) => `(${text})`),
    ...inner.map((text) => `isNotNull(${text})`),
  ];
  const items = inner.map((text, index) => `${text} AS v${index + 1}`);
  const stage = `SELECT DISTINCT ${items.join(', ')} FROM ${from} WHERE ${conditions.join(' AND ')}`;
  return { stage, operand: renderTuple(outer) };
}
