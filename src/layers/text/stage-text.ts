import { quoteIdentifier } from '../../engine/sql-quote.ts';
import type { BoundSelect, Unit } from '../model/binding.ts';
import type { TypedColumn } from '../model/relation.ts';
import { aggregateCalls } from './aggregate-text.ts';
import { renderStage } from './set-text.ts';
import type { Edit, Span } from './sql-text.ts';
import { UnsupportedSql } from './token-ranges.ts';

/** A SELECT split in two: the text of a stage, and the text of the rest over it. */
export interface SplitSelect {
  readonly stage: string;
  /** The rest, once the stage has a name. */
  over(stage: string): string;
  /** What columns of the stage stand for, where it gives them names of its own. */
  readonly labels?: ReadonlyMap<string, string>;
}

/** The rows that a SELECT groups or numbers are a stage; the rest reads their columns. */
export function splitRows(bound: BoundSelect): SplitSelect {
  const { select } = bound;
  const spans = [select.itemList, ...select.groupBy, ...tailSpans(bound)];
  if (select.having) spans.push(select.having);
  const { items, edits } = columnsFor(bound, spans);
  const from = bound.expanded(select.from);
  const where = select.where ? ` WHERE ${bound.expanded(select.where)}` : '';
  return {
    stage: `SELECT ${items.join(', ')} FROM ${from}${where}`,
    over: (stage) => {
      const groups = select.groupBy.map((group) => bound.text(group, edits));
      return [
        `SELECT ${bound.text(select.itemList, edits)} FROM ${renderStage(stage)} AS _rows`,
        groups.length > 0 ? `GROUP BY ${groups.join(', ')}` : '',
        select.having ? `HAVING ${bound.text(select.having, edits)}` : '',
      ]
        .filter((clause) => clause !== '')
        .join(' ')
        .concat(renderTail(bound, edits));
    },
  };
}

/** The groups are a stage; windows, limits and questions to sets come over it. */
export function splitGroups(
  bound: BoundSelect,
  isAggregate: (name: string) => boolean,
): SplitSelect {
  const { select } = bound;
  const isAsking = (span: Span) => select.sets.some((set) => isWithin(set.span, span));
  const isHavingOver = select.having !== undefined && isAsking(select.having);
  const spans = [select.itemList, ...tailSpans(bound)];
  if (select.having && isHavingOver) spans.push(select.having);
  const groups = select.groupBy.map((group) => bound.meant(group));
  const names = new Map<string, { name: string; text: string }>();
  for (const group of groups) {
    const own = { name: `_g${names.size + 1}`, text: bound.expanded(group) };
    if (!names.has(bound.canonical(group))) names.set(bound.canonical(group), own);
  }
  const edits: Edit[] = [];
  // The longest first: upper(city) before city.
  const byLength = [...groups].sort((a, b) => bound.units(b).length - bound.units(a).length);
  for (const span of spans) {
    const calls = aggregateCalls(bound, span, isAggregate);
    for (const call of calls) {
      const key = bound.canonical(call);
      const own = names.get(key) ?? { name: `_a${names.size + 1}`, text: bound.expanded(call) };
      names.set(key, own);
      edits.push({ ...call, text: own.name });
    }
    for (const group of byLength) {
      const name = names.get(bound.canonical(group))?.name ?? '';
      const found = occurrences(bound, group, span).filter((at) => !isInside(at, edits));
      edits.push(...found.map((at) => ({ ...at, text: name })));
    }
    const left = bound.usesIn(span).filter((use) => !isInside(use, edits));
    if (left.some((use) => bound.ownerOf(use) !== undefined)) {
      throw new UnsupportedSql(
        'it uses a column beside its groups in a way that is not understood',
      );
    }
  }
  const items = [...names.values()].map(({ name, text }) => `${text} AS ${name}`);
  const by = groups.map((group) => bound.expanded(group)).join(', ');
  const having = isHavingOver ? undefined : select.having;
  const clauses = [
    `SELECT ${items.length > 0 ? items.join(', ') : 'count() AS _a1'}`,
    `FROM ${bound.expanded(select.from)}`,
    select.where ? `WHERE ${bound.expanded(select.where)}` : '',
    by === '' ? '' : `GROUP BY ${by}`,
    having ? `HAVING ${bound.expanded(having)}` : '',
  ];
  return {
    labels: new Map([...names.values()].map(({ name, text }) => [name, text])),
    stage: clauses.filter((clause) => clause !== '').join(' '),
    over: (stage) => {
      const list = bound.text(select.itemList, edits);
      const where =
        isHavingOver && select.having ? ` WHERE ${bound.text(select.having, edits)}` : '';
      return `SELECT ${list} FROM ${renderStage(stage)} AS _groups${where}${renderTail(bound, edits)}`;
    },
  };
}

/** A SELECT DISTINCT without that word, and without what comes after the equal rows are one. */
export function withoutDistinct(bound: BoundSelect): string {
  const { itemList, from, where, groupBy, having, windowClause, qualify } = bound.select;
  return [
    `SELECT ${bound.text(itemList)} FROM ${bound.text(from)}`,
    where ? ` WHERE ${bound.text(where)}` : '',
    groupBy.length > 0 ? ` GROUP BY ${groupBy.map((group) => bound.text(group)).join(', ')}` : '',
    having ? ` HAVING ${bound.text(having)}` : '',
    windowClause ? ` WINDOW ${bound.text(windowClause)}` : '',
    qualify ? ` QUALIFY ${bound.text(qualify)}` : '',
  ].join('');
}

/** The order and limit of a SELECT DISTINCT over the stage of its distinct rows; undefined without a limit. */
export function limitDistinct(
  bound: BoundSelect,
  outputs: readonly TypedColumn[],
): ((stage: string) => string) | undefined {
  const { items, orderBy, limits } = bound.select;
  if (limits.length === 0) return undefined;
  const canonical = items.map((item) => bound.canonical(item.expression));
  const spans = [
    ...orderBy.map(({ expression }) => expression),
    ...limits.flatMap(({ by = [] }) => by),
  ];
  const edits = spans.map((span): Edit => {
    const output = outputs[canonical.indexOf(bound.canonical(bound.meant(span)))];
    const isStar = items.some((item) => item.isStar);
    if (output === undefined || isStar) {
      throw new UnsupportedSql('it orders SELECT DISTINCT by what is no output');
    }
    return { ...span, text: quoteIdentifier(output.name) };
  });
  const order = orderBy.map((item) => bound.text(item, edits)).join(', ');
  const tail = limits.map((limit) => bound.text(limit, edits)).join(' ');
  const names = outputs.map(({ name }) => quoteIdentifier(name)).join(', ');
  const ordered = order === '' ? '' : ` ORDER BY ${order}`;
  return (stage) => `SELECT ${names} FROM ${renderStage(stage)} AS _rows${ordered} ${tail}`;
}

/** Windows, QUALIFY and limits; an order without a limit means nothing for a table. */
export function renderTail(bound: BoundSelect, edits: readonly Edit[] = []): string {
  const { windowClause, qualify, orderBy, limits } = bound.select;
  const order = limits.length > 0 ? orderBy.map((item) => bound.text(item, edits)) : [];
  return [
    windowClause ? ` WINDOW ${bound.text(windowClause, edits)}` : '',
    qualify ? ` QUALIFY ${bound.text(qualify, edits)}` : '',
    order.length > 0 ? ` ORDER BY ${order.join(', ')}` : '',
    ...limits.map((limit) => ` ${bound.text(limit, edits)}`),
  ].join('');
}

function tailSpans({ select }: BoundSelect): Span[] {
  const { windowClause, qualify, orderBy, limits } = select;
  const ordered = limits.length > 0 ? orderBy : [];
  const by = limits.flatMap((limit) => limit.by ?? []);
  return [windowClause, qualify, ...ordered, ...by].filter((span) => span !== undefined);
}

/** Columns that expressions need of joined rows, and how they then call them. */
function columnsFor(
  bound: BoundSelect,
  spans: readonly Span[],
): { items: string[]; edits: Edit[] } {
  const names = new Map<string, string>();
  const edits: Edit[] = [];
  const nameOf = (source: string, wanted: string, other: string) => {
    const known = names.get(source);
    if (known !== undefined) return quoteIdentifier(known);
    const name = [...names.values()].includes(wanted) ? other : wanted;
    names.set(source, name);
    return quoteIdentifier(name);
  };
  const columnName = (alias: string, name: string) => {
    const source = `${quoteIdentifier(alias)}.${quoteIdentifier(name)}`;
    return nameOf(source, name, `${alias}.${name}`);
  };
  for (const set of bound.sets.filter(({ span }) => spans.some((each) => isWithin(span, each)))) {
    const name = `_asked_${names.size + 1}`;
    edits.push({ ...set.span, text: nameOf(bound.expanded(set.span), name, name) });
  }
  for (const item of bound.select.items) {
    if (!item.isStar || !spans.some((span) => isWithin(item, span))) continue;
    const columns = starColumns(bound, bound.text(item));
    const list = columns.map(({ alias, name }) => columnName(alias, name));
    edits.push({ start: item.start, end: item.end, text: list.join(', ') });
  }
  const lambdas = lambdaArguments(bound);
  for (const use of spans.flatMap((span) => bound.usesIn(span))) {
    if (isInside(use, edits)) continue;
    const owner = bound.ownerOf(use);
    if (owner === undefined && use.table !== undefined) {
      throw new UnsupportedSql(`it uses ${use.table}.${use.name}, which is not understood`);
    }
    if (owner === undefined) continue;
    if (use.table === undefined && lambdas.has(use.name)) {
      throw new UnsupportedSql(`${use.name} is a column and an argument of a lambda`);
    }
    edits.push({ start: use.start, end: use.end, text: columnName(owner, use.name) });
  }
  const items = [...names].map(([source, name]) => `${source} AS ${quoteIdentifier(name)}`);
  // count() over joined rows needs none of their columns.
  return { items: items.length > 0 ? items : ['1 AS `one`'], edits };
}

/** `*` and `alias.*` of relations joined with ON, in the engine's order. */
function starColumns(bound: BoundSelect, text: string): { alias: string; name: string }[] {
  const [, quoted] = /^(?:(.+)\.)?\*$/.exec(text) ?? ['', ''];
  const alias = quoted?.replace(/^[`"](.*)[`"]$/, '$1').trim();
  const relations = bound.relations.filter((each) => alias === undefined || each.alias === alias);
  const hasUsing = bound.select.relations.some(({ using }) => using.length > 0);
  if (relations.length === 0 || hasUsing)
    throw new UnsupportedSql('it uses * in a way that is not understood');
  return relations.flatMap((each) => {
    return each.relation.columns.map(({ name }) => ({ alias: each.alias, name }));
  });
}

/** Names on the left of `->`. */
function lambdaArguments({ select }: BoundSelect): Set<string> {
  const { tokens } = select.parsed;
  const names = new Set<string>();
  for (const [index, token] of tokens.entries()) {
    if (token.word !== '->') continue;
    for (let at = index - 1; at >= 0; at -= 1) {
      const { isName, text, word } = tokens[at] ?? { isName: false, text: '', word: '' };
      if (isName) names.add(text);
      if (!isName && ![',', ')'].includes(word)) break;
      if (isName && tokens[index - 1]?.word !== ')') break;
    }
  }
  return names;
}

/** Where an expression stands inside another one, as an operand of its own. */
function occurrences(bound: BoundSelect, group: Span, span: Span): Span[] {
  const wanted = bound.units(group).map(({ text }) => text);
  const units = bound.units(span);
  const isOperand = wanted.length === 1 || isCall(bound.units(group));
  return units.flatMap((unit, index): Span[] => {
    const found = units.slice(index, index + wanted.length);
    if (found.length < wanted.length || found.some(({ text }, step) => text !== wanted[step])) {
      return [];
    }
    const before = units[index - 1]?.text.toUpperCase() ?? '';
    const after = units[index + wanted.length]?.text.toUpperCase() ?? '';
    const isApart =
      ['', '(', ',', 'BY'].includes(before) && ['', ')', ',', 'AS', 'DESC', 'ASC'].includes(after);
    if (!isOperand && !isApart) return [];
    return [{ start: unit.start, end: found.at(-1)?.end ?? unit.end }];
  });
}

/** `f(...)`, with nothing after it. */
function isCall(units: readonly Unit[]): boolean {
  if (units[1]?.text !== '(' || !/^\w+$/.test(units[0]?.text ?? '')) return false;
  let depth = 0;
  for (const [index, { text }] of units.entries()) {
    if (text === '(') depth += 1;
    if (text === ')') depth -= 1;
    if (depth === 0 && text === ')') return index === units.length - 1;
  }
  return false;
}

function isWithin(inner: Span, outer: Span): boolean {
  return inner.start >= outer.start && inner.end <= outer.end;
}

function isInside(span: Span, edits: readonly Edit[]): boolean {
  return edits.some((edit) => isWithin(span, edit));
}
