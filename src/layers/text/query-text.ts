import { joinWords } from './from-text.ts';
import { type ParsedSql, parseSql } from './sql-parser.ts';
import { type Edit, renderSpan, type Span } from './sql-text.ts';
import { type TokenRange, TokenRanges, UnsupportedSql } from './token-ranges.ts';

/** A whole statement taken apart: named queries, and the SELECTs that UNION puts together. */
export interface QueryText {
  readonly named: readonly NamedQuery[];
  /** `expression AS name` of WITH. */
  readonly aliases: readonly NamedExpression[];
  /** Everything after WITH. */
  readonly body: Span;
  /** The SELECTs of the body; one when there is no UNION. */
  readonly branches: readonly Span[];
  /** Equal rows of the branches count once. */
  readonly isDistinct: boolean;
}

/** `name AS (SELECT ...)` of WITH. */
export interface NamedQuery {
  readonly name: string;
  /** Without the parentheses. */
  readonly query: Span;
}

export interface NamedExpression {
  readonly name: string;
  readonly expression: Span;
}

/** A query in parentheses inside a SELECT. */
export interface NestedQuery {
  readonly kind: 'from' | 'in' | 'exists' | 'value';
  /** With the parentheses, and of EXISTS with the word. */
  readonly span: Span;
  /** Without the parentheses. */
  readonly query: Span;
  /** In FROM, its alias follows. */
  readonly hasAlias: boolean;
}

export function readQuery(parsed: ParsedSql): QueryText {
  const ranges = new TokenRanges(parsed.tokens);
  const all = ranges.withoutParentheses({ first: 0, last: ranges.length - 1 });
  const { named, aliases, first } = readNamed(ranges, all);
  const body = { first, last: all.last };
  const { parts, words } = splitUnion(ranges, body);
  const isDistinct = words.some((word) => word === 'DISTINCT');
  if (isDistinct && words.some((word) => word === 'ALL')) {
    throw new UnsupportedSql('it mixes UNION ALL and UNION DISTINCT');
  }
  const branches = parts.map((part) => ranges.span(ranges.withoutParentheses(part)));
  return { named, aliases, body: ranges.span(body), branches, isDistinct };
}

function readNamed(ranges: TokenRanges, all: TokenRange) {
  const named: NamedQuery[] = [];
  const aliases: NamedExpression[] = [];
  if (ranges.word(all.first) !== 'WITH') return { named, aliases, first: all.first };
  if (ranges.word(all.first + 1) === 'RECURSIVE')
    throw new UnsupportedSql('it uses WITH RECURSIVE');
  let end = all.first;
  while (end <= all.last && !isBodyStart(ranges, all, end)) end += 1;
  for (const part of ranges.split({ first: all.first + 1, last: end - 1 }, ',')) {
    let inner = part.first + 3;
    while (ranges.word(inner) === '(') inner += 1;
    const isNamed = ranges.word(part.first + 1) === 'AS' && ranges.word(part.first + 2) === '(';
    const isQuery = isNamed && queryWords.has(ranges.word(inner));
    const [name, last] = [ranges.token(part.first), ranges.token(part.last)];
    if (isQuery && name !== undefined) {
      const query = ranges.span({ first: part.first + 3, last: part.last - 1 });
      named.push({ name: name.text, query });
    } else if (ranges.word(part.last - 1) === 'AS' && last?.isName) {
      const expression = ranges.span({ first: part.first, last: part.last - 2 });
      aliases.push({ name: last.text, expression });
    } else {
      throw new UnsupportedSql('it uses WITH in a way that is not understood');
    }
  }
  return { named, aliases, first: end };
}

function isBodyStart(ranges: TokenRanges, all: TokenRange, index: number): boolean {
  return ranges.depth(index) === ranges.depth(all.first) && ranges.word(index) === 'SELECT';
}

function splitUnion(
  ranges: TokenRanges,
  body: TokenRange,
): { parts: TokenRange[]; words: string[] } {
  const depth = ranges.depth(body.first);
  const parts: TokenRange[] = [];
  const words: string[] = [];
  let { first } = body;
  for (let index = body.first; index <= body.last; index += 1) {
    if (ranges.depth(index) !== depth) continue;
    const word = ranges.word(index);
    const after = ranges.word(index + 1);
    const isSelect = after === 'SELECT' || (after === '(' && ranges.word(index + 2) === 'SELECT');
    if (
      (word === 'INTERSECT' || word === 'EXCEPT') &&
      (isSelect || /^(ALL|DISTINCT)$/.test(after))
    ) {
      throw new UnsupportedSql(`it uses ${word}`);
    }
    if (word !== 'UNION') continue;
    parts.push({ first, last: index - 1 });
    const isPlain = after !== 'ALL' && after !== 'DISTINCT';
    words.push(isPlain ? 'DISTINCT' : after);
    first = index + (isPlain ? 1 : 2);
  }
  return { parts: [...parts, { first, last: body.last }], words };
}

/** The outermost queries in parentheses of one SELECT, in order. */
export function nestedQueries(parsed: ParsedSql): NestedQuery[] {
  const ranges = new TokenRanges(parsed.tokens);
  const found: NestedQuery[] = [];
  for (let index = 0; index < ranges.length; index += 1) {
    if (ranges.word(index) !== '(') continue;
    let inner = index + 1;
    while (ranges.word(inner) === '(') inner += 1;
    if (!queryWords.has(ranges.word(inner))) continue;
    const last = ranges.closing(index);
    const before = ranges.word(index - 1);
    const kind =
      before === 'IN'
        ? 'in'
        : before === 'EXISTS'
          ? 'exists'
          : ['FROM', 'JOIN'].includes(before)
            ? 'from'
            : 'value';
    const first = kind === 'exists' ? index - 1 : index;
    const after = ranges.token(last + 1);
    found.push({
      kind,
      span: ranges.span({ first, last }),
      query: ranges.span({ first: index + 1, last: last - 1 }),
      hasAlias: after?.word === 'AS' || (after?.isName ?? false),
    });
    index = last;
  }
  return found;
}

const queryWords = new Set(['SELECT', 'WITH']);

/** The text with every reference to a named query replaced, at any depth. */
export function replaceNamed(sql: string, names: ReadonlyMap<string, string>): string {
  if (names.size === 0) return sql;
  const { tokens } = parseSql(sql);
  const edits: Edit[] = tokens.flatMap((token, index) => {
    const before = tokens[index - 1]?.word ?? '';
    const after = tokens[index + 1]?.word ?? '';
    const stage = names.get(token.text);
    if (stage === undefined || ["'", ''].includes(sql[token.start] ?? '')) return [];
    if (
      after === 'AS' &&
      tokens[index + 2]?.word === '(' &&
      (before === 'WITH' || before === ',')
    ) {
      throw new UnsupportedSql(`two named queries are called ${token.text}`);
    }
    if (before === 'IN') throw new UnsupportedSql(`it uses IN ${token.text} without a SELECT`);
    if (!['FROM', 'JOIN'].includes(before) || after === '.' || after === '(') return [];
    const next = tokens[index + 1];
    const hasAlias = after === 'AS' || (next?.isName ?? false);
    const alias = hasAlias ? '' : ` AS ${sql.slice(token.start, token.end)}`;
    return [{ start: token.start, end: token.end, text: `${stage}${alias}` }];
  });
  return renderSpan(sql, { start: 0, end: sql.length }, edits);
}

/** The text with uses of named expressions replaced by what they stand for, outside of subqueries. */
export function replaceAliases(
  sql: string,
  aliases: readonly { readonly name: string; readonly text: string }[],
): string {
  if (aliases.length === 0) return sql;
  const { columns, tokens } = parseSql(sql);
  const hidden = ['->', 'AS'];
  const edits = columns.flatMap((use): Edit[] => {
    const alias = use.table === undefined && aliases.find(({ name }) => name === use.name);
    return alias ? [{ start: use.start, end: use.end, text: `(${alias.text})` }] : [];
  });
  const isHidden = tokens.some((token, index) => {
    const isName = aliases.some(({ name }) => name === token.text);
    const [before, after] = [tokens[index - 1]?.word ?? '', tokens[index + 1]?.word ?? ''];
    return isName && (hidden.includes(after) || hidden.includes(before));
  });
  if (isHidden) throw new UnsupportedSql('it gives a name of WITH a second meaning');
  return renderSpan(sql, { start: 0, end: sql.length }, edits);
}

/** Where FROM ends in one SELECT, its own words without those of subqueries. */
function fromRange(ranges: TokenRanges): TokenRange | undefined {
  const at = (words: ReadonlySet<string>, start: number) => {
    for (let index = start; index < ranges.length; index += 1) {
      if (
        ranges.depth(index) === 0 &&
        ranges.word(index - 1) !== '.' &&
        words.has(ranges.word(index))
      )
        return index;
    }
    return ranges.length;
  };
  const from = at(new Set(['FROM']), 0);
  return from < ranges.length ? { first: from + 1, last: at(afterFrom, from) - 1 } : undefined;
}

const afterFrom = new Set(
  'PREWHERE WHERE GROUP HAVING WINDOW QUALIFY ORDER LIMIT OFFSET SETTINGS'.split(' '),
);

/** The text with one more join. */
export function addJoin(sql: string, join: string): string {
  const ranges = new TokenRanges(parseSql(sql).tokens);
  const from = fromRange(ranges);
  const end = from && ranges.span(from).end;
  if (end === undefined) throw new UnsupportedSql('it has no FROM');
  return renderSpan(sql, { start: 0, end: sql.length }, [{ start: end, end, text: ` ${join}` }]);
}

/** Tables in a list are cross joins. */
export function withoutCommas(sql: string): string {
  const { tokens } = parseSql(sql);
  const ranges = new TokenRanges(tokens);
  const from = fromRange(ranges);
  if (from === undefined) return sql;
  const inside = tokens.map((token, index) => ({ token, index })).slice(from.first, from.last + 1);
  if (inside.some(({ token }) => token.word === 'ARRAY')) return sql;
  const edits = inside.flatMap(({ token, index }): Edit[] => {
    const isList = token.word === ',' && ranges.depth(index) === 0;
    return isList ? [{ start: token.start, end: token.end, text: ' CROSS JOIN' }] : [];
  });
  return renderSpan(sql, { start: 0, end: sql.length }, edits);
}

/** The only join of a SELECT as a LEFT JOIN, when it is a RIGHT JOIN; `*` would change its order. */
export function withoutRightJoin(sql: string): string {
  const { tokens } = parseSql(sql);
  const ranges = new TokenRanges(tokens);
  const at = (word: string) =>
    tokens.findIndex((_, index) => ranges.depth(index) === 0 && ranges.word(index) === word);
  const joins = tokens.filter(
    (_, index) => ranges.depth(index) === 0 && ranges.word(index) === 'JOIN',
  );
  const [from, right, join] = [at('FROM'), at('RIGHT'), at('JOIN')];
  const condition = Math.max(at('ON'), at('USING'));
  const isOnly = right > from && joins.length === 1 && join > right && condition > join;
  const hasStar = tokens.some(
    (token, index) =>
      token.word === '*' && index < from && /^(|,|SELECT|\.)$/.test(ranges.word(index - 1)),
  );
  const isPlain =
    tokens.slice(right + 1, join).every(({ word }) => word === 'OUTER') &&
    !joinWords.has(ranges.word(right - 1));
  if (!isOnly || !isPlain || hasStar) return sql;
  const text = (first: number, last: number) => {
    const span = ranges.span({ first, last });
    return sql.slice(span.start, span.end);
  };
  const swapped = `${text(join + 1, condition - 1)} LEFT JOIN ${text(from + 1, right - 1)}`;
  const span = ranges.span({ first: from + 1, last: condition - 1 });
  return renderSpan(sql, { start: 0, end: sql.length }, [{ ...span, text: swapped }]);
}
