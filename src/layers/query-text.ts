import { joinWords } from './from-text.ts';
import { type ParsedSql, parseSql } from './sql-parser.ts';
import { type Edit, renderSpan, type Span } from './sql-text.ts';
import { type TokenRange, TokenRanges, UnsupportedSql } from './token-ranges.ts';

/** A whole statement taken apart: named queries, and the SELECTs that UNION puts together. */
export interface QueryText {
  readonly named: readonly NamedQuery[];
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
  const { named, first } = readNamed(ranges, all);
  const body = { first, last: all.last };
  const { parts, words } = splitUnion(ranges, body);
  const isDistinct = words.some((word) => word === 'DISTINCT');
  if (isDistinct && words.some((word) => word === 'ALL')) {
    throw new UnsupportedSql('it mixes UNION ALL and UNION DISTINCT');
  }
  const branches = parts.map((part) => ranges.span(ranges.withoutParentheses(part)));
  return { named, body: ranges.span(body), branches, isDistinct };
}

function readNamed(ranges: TokenRanges, all: TokenRange): { named: NamedQuery[]; first: number } {
  if (ranges.word(all.first) !== 'WITH') return { named: [], first: all.first };
  const named: NamedQuery[] = [];
  let at = all.first + 1;
  for (;;) {
    const name = ranges.token(at);
    const isQuery = ranges.word(at + 1) === 'AS' && ranges.word(at + 2) === '(';
    if (name === undefined || name.word === 'RECURSIVE' || !isQuery) {
      throw new UnsupportedSql('it uses WITH for an expression, or RECURSIVE');
    }
    const last = ranges.closing(at + 2);
    let inner = at + 3;
    while (ranges.word(inner) === '(') inner += 1;
    if (!queryWords.has(ranges.word(inner))) {
      throw new UnsupportedSql('it uses WITH for an expression, or RECURSIVE');
    }
    named.push({ name: name.text, query: ranges.span({ first: at + 3, last: last - 1 }) });
    if (ranges.word(last + 1) !== ',') return { named, first: last + 1 };
    at = last + 2;
  }
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
