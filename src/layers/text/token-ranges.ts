import type { SqlToken } from './sql-parser.ts';
import type { Span } from './sql-text.ts';

/** Token indexes, both inclusive. */
export interface TokenRange {
  readonly first: number;
  readonly last: number;
}

/** A statement is of a form that is not taken apart; the message says which. Caught by `readSelect`. */
export class UnsupportedSql extends Error {}

/** The tokens of one statement with their nesting: what the reader of SELECTs walks over. */
export class TokenRanges {
  readonly #tokens: readonly SqlToken[];
  readonly #depths: readonly number[];

  constructor(tokens: readonly SqlToken[]) {
    this.#tokens = tokens;
    this.#depths = nestingDepths(tokens);
  }

  get length(): number {
    return this.#tokens.length;
  }

  token(index: number): SqlToken | undefined {
    return this.#tokens[index];
  }

  depth(index: number): number {
    return this.#depths[index] ?? 0;
  }

  /** Splits at a word on the range's own level; the AND of BETWEEN does not count. */
  split(range: TokenRange, separator: string): TokenRange[] {
    const depth = this.#depths[range.first];
    const parts: TokenRange[] = [];
    let first = range.first;
    let isBetween = false;
    for (let index = range.first; index <= range.last; index += 1) {
      const word = this.#depths[index] === depth ? this.word(index) : '';
      if (word === 'BETWEEN') isBetween = true;
      if (word !== separator) continue;
      if (isBetween && separator === 'AND') {
        isBetween = false;
        continue;
      }
      parts.push({ first, last: index - 1 });
      first = index + 1;
    }
    parts.push({ first, last: range.last });
    if (parts.some((part) => part.last < part.first)) throw new UnsupportedSql('a list has a gap');
    return parts;
  }

  /** `((a))` -> `a`. */
  withoutParentheses(range: TokenRange): TokenRange {
    const { first, last } = range;
    const depth = this.#depths[first];
    if (this.word(first) !== '(' || this.word(last) !== ')' || last - first < 2) return range;
    for (let index = first + 1; index < last; index += 1) {
      if (this.#depths[index] === depth) return range;
    }
    return this.withoutParentheses({ first: first + 1, last: last - 1 });
  }

  /** Index of the bracket that closes the one at `index`. */
  closing(index: number): number {
    const depth = this.depth(index);
    for (let at = index + 1; at < this.length; at += 1) {
      if (this.depth(at) === depth && [')', ']'].includes(this.word(at))) return at;
    }
    throw new UnsupportedSql('a bracket is not closed');
  }

  /** Index of the bracket that the one at `index` closes. */
  opening(index: number): number {
    const depth = this.depth(index);
    for (let at = index - 1; at >= 0; at -= 1) {
      if (this.depth(at) === depth && ['(', '['].includes(this.word(at))) return at;
    }
    throw new UnsupportedSql('a bracket is not opened');
  }

  /** Words of the range that lie on one level. */
  wordsAt(range: TokenRange, depth: number): string[] {
    const words: string[] = [];
    for (let index = range.first; index <= range.last; index += 1) {
      if (this.#depths[index] === depth) words.push(this.word(index));
    }
    return words;
  }

  /** The token in capitals; empty for names in quotes, literals and beyond the ends. */
  word(index: number): string {
    return this.#tokens[index]?.word ?? '';
  }

  span(range: TokenRange): Span {
    const first = this.#tokens[range.first];
    const last = this.#tokens[range.last];
    if (first === undefined || last === undefined) throw new UnsupportedSql('a clause is empty');
    return { start: first.start, end: last.end };
  }
}

/** Nesting of each token; brackets and CASE ... END themselves belong to the outer level. */
function nestingDepths(tokens: readonly SqlToken[]): number[] {
  let depth = 0;
  return tokens.map((token, index) => {
    if (token.isQuoted || tokens[index - 1]?.word === '.') return depth;
    if (['(', '[', '{', 'CASE'].includes(token.word)) {
      depth += 1;
      return depth - 1;
    }
    if ([')', ']', '}', 'END'].includes(token.word)) depth -= 1;
    return depth;
  });
}
