import type { SqlToken } from './sql-parser.ts';
import type { Span } from './sql-text.ts';
import { type TokenRange, type TokenRanges, UnsupportedSql } from './token-ranges.ts';

/** A relation of FROM as it is written. */
export interface FromRelation {
  /** `database.table` as written. */
  readonly name: string;
  readonly alias: string;
  /** The reference with its alias. */
  readonly span: Span;
  readonly join: 'driving' | 'inner' | 'left';
  /** Conditions of ON that must all hold. */
  readonly conditions: readonly Condition[];
  readonly using: readonly string[];
  /** The whole of ON, without the word. */
  readonly on?: Span;
}

export interface Condition extends Span {
  /** Both sides when the condition is one plain equality. */
  readonly sides?: readonly [Span, Span];
}

/** Reads what stands after FROM: relations and how they are joined. */
export class FromReader {
  readonly #tokens: readonly SqlToken[];
  readonly #ranges: TokenRanges;

  constructor(tokens: readonly SqlToken[], ranges: TokenRanges) {
    this.#tokens = tokens;
    this.#ranges = ranges;
  }

  relations(range: TokenRange): FromRelation[] {
    const relations: FromRelation[] = [];
    let at = range.first;
    let kind: JoinKind = { join: 'driving', isBare: true, next: at };
    for (;;) {
      const reference = this.#reference(at, range);
      at = reference.next;
      const conditionStart = at;
      at = this.#nextJoin(at, range);
      const hasCondition = at > conditionStart;
      if (hasCondition === kind.isBare)
        throw new UnsupportedSql('it has a join without ON or USING');
      const condition = hasCondition
        ? this.#joinCondition({ first: conditionStart, last: at - 1 })
        : { conditions: [], using: [] };
      relations.push({ ...reference.relation, join: kind.join, ...condition });
      if (at > range.last) return relations;
      kind = this.#joinKind(at);
      at = kind.next;
    }
  }

  #reference(
    at: number,
    range: TokenRange,
  ): { relation: Pick<FromRelation, 'name' | 'alias' | 'span'>; next: number } {
    if (this.#ranges.word(at) === '(') throw new UnsupportedSql('it has a subquery');
    const database = this.#ranges.token(at);
    const table = this.#ranges.token(at + 2);
    if (!database || !table || this.#ranges.word(at + 1) !== '.' || at + 2 > range.last) {
      throw new UnsupportedSql('it reads something that is not a database.table');
    }
    if (this.#ranges.word(at + 3) === '(') throw new UnsupportedSql('it uses a table function');
    let next = at + 3;
    let alias = table.text;
    if (this.#ranges.word(next) === 'AS') next += 1;
    const named = this.#ranges.token(next);
    if (named?.isName && next <= range.last && !joinWords.has(named.word)) {
      alias = named.text;
      next += 1;
    }
    const name = `${database.text}.${table.text}`;
    return {
      relation: { name, alias, span: this.#ranges.span({ first: at, last: next - 1 }) },
      next,
    };
  }

  #nextJoin(from: number, range: TokenRange): number {
    let index = from;
    for (; index <= range.last; index += 1) {
      if (this.#ranges.depth(index) !== 0 || this.#ranges.word(index - 1) === '.') continue;
      if (this.#ranges.word(index) === ',')
        throw new UnsupportedSql('it lists tables with a comma');
      // left(...) and any(...) are functions.
      if (joinWords.has(this.#ranges.word(index)) && this.#ranges.word(index + 1) !== '(')
        return index;
    }
    return index;
  }

  #joinKind(at: number): JoinKind {
    const words: string[] = [];
    let next = at;
    while (joinWords.has(this.#ranges.word(next))) {
      words.push(this.#ranges.word(next));
      next += 1;
      if (words.at(-1) === 'JOIN') break;
    }
    const plain = words.filter((word) => word !== 'ALL' && word !== 'OUTER').join(' ');
    if (plain === 'JOIN' || plain === 'INNER JOIN') return { join: 'inner', isBare: false, next };
    if (plain === 'LEFT JOIN') return { join: 'left', isBare: false, next };
    if (plain === 'CROSS JOIN') return { join: 'inner', isBare: true, next };
    throw new UnsupportedSql(`it uses ${words.join(' ')}`);
  }

  #joinCondition(range: TokenRange): Pick<FromRelation, 'conditions' | 'using' | 'on'> {
    const word = this.#ranges.word(range.first);
    const rest = { first: range.first + 1, last: range.last };
    if (word === 'USING') {
      const names = this.#tokens.slice(rest.first, rest.last + 1);
      const using = names.filter((token) => !['(', ')', ','].includes(token.word));
      return { conditions: [], using: using.map((token) => token.text) };
    }
    if (word !== 'ON') throw new UnsupportedSql('it has a join without ON or USING');
    const conditions = readConditions(rest, this.#ranges);
    return { conditions, using: [], on: this.#ranges.span(rest) };
  }
}

interface JoinKind {
  readonly join: FromRelation['join'];
  /** Without ON or USING. */
  readonly isBare: boolean;
  readonly next: number;
}

/** Conditions that must all hold for the whole to hold. */
export function readConditions(range: TokenRange, ranges: TokenRanges): Condition[] {
  return conjuncts(range, ranges).map((part) => readCondition(part, ranges));
}

function conjuncts(range: TokenRange, ranges: TokenRanges): TokenRange[] {
  const inner = ranges.withoutParentheses(range);
  const depth = ranges.depth(inner.first);
  const words = ranges.wordsAt(inner, depth);
  if (words.includes('OR') || words.includes('?')) return [inner];
  const parts = ranges.split(inner, 'AND');
  return parts.length === 1 ? parts : parts.flatMap((part) => conjuncts(part, ranges));
}

function readCondition(range: TokenRange, ranges: TokenRanges): Condition {
  const depth = ranges.depth(range.first);
  const operators = ranges.wordsAt(range, depth).filter((word) => comparisonWords.has(word));
  const span = ranges.span(range);
  if (operators.length !== 1 || !['=', '=='].includes(operators[0] ?? '')) return span;
  for (let index = range.first + 1; index < range.last; index += 1) {
    if (ranges.depth(index) !== depth || !['=', '=='].includes(ranges.word(index))) continue;
    const left = ranges.span({ first: range.first, last: index - 1 });
    const right = ranges.span({ first: index + 1, last: range.last });
    return { ...span, sides: [left, right] };
  }
  return span;
}

export const joinWords: ReadonlySet<string> = new Set(
  'JOIN INNER LEFT RIGHT FULL OUTER CROSS ANY ALL ASOF SEMI ANTI GLOBAL LOCAL NATURAL PASTE ARRAY'.split(
    ' ',
  ),
);

/** Operators that bind weaker than `=`, or stand beside it: with one of them a condition is not an equality. */
const comparisonWords = new Set(
  '= == <> != < > <= >= <=> OR AND NOT IN LIKE ILIKE IS BETWEEN REGEXP GLOBAL ? -> DISTINCT'.split(
    ' ',
  ),
);
