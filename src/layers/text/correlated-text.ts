import { BoundSelect } from '../model/binding.ts';
import type { Relation } from '../model/relation.ts';
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

/** `(SELECT max(...) WHERE inner = outer AND ...)` as groups that are joined. */
export interface ValueText {
  /** The groups: `v1`, `v2`, ... and the `value` of each. */
  readonly stage: string;
  /** What `v1`, `v2`, ... are equal to in the rows around it. */
  readonly outer: readonly string[];
}

type Lookup = (name: string) => Relation;

/**
 * EXISTS is never NULL, and a NULL equals nothing: values with a NULL are left out of the set, and what
 * asks with a NULL finds nothing (the caller turns that into 0).
 */
export function readExists(sql: string, lookup: Lookup): ExistsText {
  const bound = bindPlain(sql, lookup, 'EXISTS');
  const { inner, outer, rest } = splitConditions(bound, 'EXISTS');
  const from = bound.text(bound.select.from);
  if (inner.length === 0) {
    const where = rest.length > 0 ? ` WHERE ${rest.join(' AND ')}` : '';
    return { stage: `SELECT count() > 0 AS found FROM ${from}${where}` };
  }
  const conditions = [...rest, ...inner.map((text) => `isNotNull(${text})`)];
  const items = inner.map((text, index) => `${text} AS v${index + 1}`);
  const stage = `SELECT DISTINCT ${items.join(', ')} FROM ${from} WHERE ${conditions.join(' AND ')}`;
  return { stage, operand: renderTuple(outer) };
}

/** The engine gives NULL where no row is, also for count(), just as a LEFT JOIN does. */
export function readValue(
  sql: string,
  lookup: Lookup,
  hasAggregates: (bound: BoundSelect) => boolean,
): ValueText {
  const bound = bindPlain(sql, lookup, 'a subquery');
  const { inner, outer, rest } = splitConditions(bound, 'a subquery');
  const { items, from } = bound.select;
  const [item] = items;
  if (item === undefined || items.length > 1 || inner.length === 0 || !hasAggregates(bound)) {
    throw new UnsupportedSql('it has a subquery about the row around it that is no aggregate');
  }
  const where = rest.length > 0 ? ` WHERE ${rest.join(' AND ')}` : '';
  const keys = inner.map((text, index) => `${text} AS v${index + 1}`).join(', ');
  const by = inner.join(', ');
  const value = bound.text(item.expression);
  const stage = `SELECT ${keys}, ${value} AS value FROM ${bound.text(from)}${where} GROUP BY ${by}`;
  return { stage, outer };
}

function bindPlain(sql: string, lookup: Lookup, what: string): BoundSelect {
  const select = readSelect(parseSql(sql));
  if (isUnsupported(select)) throw new UnsupportedSql(select.reason);
  const isPlain = select.groupBy.length === 0 && !select.having && !select.qualify;
  if (!isPlain || select.limits.length > 0) {
    throw new UnsupportedSql(`it has ${what} that is more than FROM and WHERE`);
  }
  return new BoundSelect(select, lookup);
}

/** Equalities of the query with the rows around it, and the conditions on its own rows. */
function splitConditions(bound: BoundSelect, what: string) {
  const inner: string[] = [];
  const outer: string[] = [];
  const rest: string[] = [];
  const ownersOf = (span: { start: number; end: number }) => {
    const owners = bound.usesIn(span).map((use) => bound.ownerOf(use) !== undefined);
    return { isOwn: owners.every(Boolean), isOther: !owners.some(Boolean), count: owners.length };
  };
  for (const condition of bound.select.filters) {
    if (ownersOf(condition).isOwn) {
      rest.push(`(${bound.text(condition)})`);
      continue;
    }
    const sides = condition.sides ?? [];
    const own = sides.find((side) => ownersOf(side).isOwn && ownersOf(side).count > 0);
    const other = sides.find((side) => ownersOf(side).isOther && ownersOf(side).count > 0);
    if (own === undefined || other === undefined) {
      throw new UnsupportedSql(`it has ${what} that compares with other than equality`);
    }
    inner.push(bound.text(own));
    outer.push(bound.text(other));
  }
  return { inner, outer, rest };
}
