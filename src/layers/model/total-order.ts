import { quoteIdentifier } from '../../engine/sql-quote.ts';
import type { Span } from '../text/sql-text.ts';
import type { BoundRelation, BoundSelect } from './binding.ts';

/** An order that leaves open which of some rows comes first, so that the result would change by itself. */
export interface OpenOrder {
  /** As it stands in the text. */
  readonly text: string;
  readonly message: string;
}

/** Functions whose value depends on which of two rows of equal order comes first. */
const ordered =
  /^(row_number|lag|lead|laginframe|leadinframe|first_value|last_value|nth_value|ntile|grouparray|any|array_agg|group_?concat)/i;

/** What a SELECT leaves to chance; `isGrouped` when its rows are groups. */
export function openOrders(bound: BoundSelect, isGrouped: boolean): OpenOrder[] {
  const { select } = bound;
  const key = describeKey(bound, isGrouped);
  const open: OpenOrder[] = [];
  for (const { name, span, partition, order, countsRows } of select.windows) {
    if (!countsRows && !ordered.test(name)) continue;
    if (isTotal(bound, [...partition, ...order], isGrouped)) continue;
    const what = countsRows && !ordered.test(name) ? `${name} over ROWS` : name;
    const message = `${what} depends on the order of rows, and its window can have rows that are equal in it. Add ${key} to its ORDER BY.`;
    open.push({ text: bound.text(span), message });
  }
  for (const limit of select.limits) {
    const given = [...select.orderBy.map(({ expression }) => expression), ...(limit.by ?? [])];
    if (limit.hasTies && select.orderBy.length > 0) continue;
    if (isTotal(bound, given, isGrouped) || hasAllOutputs(bound, given)) continue;
    const what = limit.by ? 'LIMIT BY' : 'LIMIT';
    const message = `${what} takes rows by their order, and ORDER BY can have rows that are equal in it. Add ${key} to ORDER BY.`;
    open.push({ text: bound.text(limit), message });
  }
  return open;
}

/** Whether rows that are equal in these expressions are one row. */
function isTotal(bound: BoundSelect, given: readonly Span[], isGrouped: boolean): boolean {
  const known = new Set(given.map((span) => bound.canonical(bound.meant(span))));
  if (isGrouped) {
    const groups = bound.select.groupBy.map((group) => bound.canonical(bound.meant(group)));
    return groups.every((group) => known.has(group));
  }
  addEqualColumns(bound, known);
  const needed = bound.relations.filter((each) => each.join === 'driving' || !each.isSingleMatch);
  return needed.every((each) => {
    // Rows that are equal in all that the SELECT reads of them give the same whichever comes first.
    const read = each.columns.map(({ name }) => name);
    const enough = [...keysOf(each), read];
    return enough.some((names) => names.every((name) => known.has(columnOf(each.alias, name))));
  });
}

/** An inner join makes both sides of its equalities the same. */
function addEqualColumns(bound: BoundSelect, known: Set<string>): void {
  const inner = bound.select.relations.filter(({ join }) => join === 'inner');
  const isAllInner = bound.joined.every(({ join }) => join === 'inner');
  const conditions = inner.flatMap((each) => each.conditions);
  const all = isAllInner ? [...conditions, ...bound.select.filters] : conditions;
  for (let size = -1; size !== known.size; ) {
    size = known.size;
    for (const { sides } of all) {
      const [left, right] = sides?.map((side) => bound.canonical(side)) ?? [];
      if (left === undefined || right === undefined) continue;
      if (known.has(left)) known.add(right);
      else if (known.has(right)) known.add(left);
    }
  }
}

/** All sets of columns that are known to tell the rows of a relation apart. */
function keysOf({ relation }: BoundRelation): (readonly string[])[] {
  const own = relation.key.map(({ name }) => name);
  return relation.unique ? [own, relation.unique] : [own];
}

function hasAllOutputs(bound: BoundSelect, given: readonly Span[]): boolean {
  const known = new Set(given.map((span) => bound.canonical(bound.meant(span))));
  return bound.select.items.every((item) => {
    return !item.isStar && known.has(bound.canonical(item.expression));
  });
}

/** For people: what would make an order total. */
function describeKey(bound: BoundSelect, isGrouped: boolean): string {
  if (isGrouped) {
    const groups = bound.select.groupBy.map((group) => bound.text(bound.meant(group)));
    return `what it groups by (${groups.join(', ')})`;
  }
  const needed = bound.relations.filter((each) => each.join === 'driving' || !each.isSingleMatch);
  const names = needed.flatMap((each) => {
    const [own = [], declared] = keysOf(each);
    const isVisible = own.every((name) =>
      each.relation.columns.some((column) => column.name === name),
    );
    const columns = isVisible ? own : (declared ?? []);
    return columns.length === 0
      ? [`a column of ${each.alias} that tells its rows apart`]
      : columns.map((name) => (bound.relations.length > 1 ? `${each.alias}.${name}` : name));
  });
  return `the key (${names.join(', ')})`;
}

function columnOf(alias: string, name: string): string {
  return `${quoteIdentifier(alias)}.${quoteIdentifier(name)}`;
}
