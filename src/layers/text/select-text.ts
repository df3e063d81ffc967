import { type Condition, FromReader, type FromRelation, readConditions } from './from-text.ts';
import { readSets, type SetUse } from './set-text.ts';
import type { ParsedSql } from './sql-parser.ts';
import type { Span } from './sql-text.ts';
import { type TokenRange, TokenRanges, UnsupportedSql } from './token-ranges.ts';
import { readWindows, type WindowUse } from './window-text.ts';

/**
 * One SELECT taken apart into its clauses. Spans point into the text that later statements are made of:
 * expressions are never written anew, only references are replaced.
 */
export interface SelectText {
  readonly parsed: ParsedSql;
  readonly isDistinct: boolean;
  readonly items: readonly SelectItem[];
  /** Everything between the first and the last item. */
  readonly itemList: Span;
  readonly relations: readonly FromRelation[];
  /** From the first relation to the end of the last join condition. */
  readonly from: Span;
  readonly where?: Span;
  /** Conditions of WHERE that must all hold. */
  readonly filters: readonly Condition[];
  readonly groupBy: readonly Span[];
  readonly having?: Span;
  readonly windows: readonly WindowUse[];
  /** The named windows, without the word WINDOW. */
  readonly windowClause?: Span;
  readonly qualify?: Span;
  readonly orderBy: readonly OrderItem[];
  /** All of LIMIT BY and LIMIT, with the words. */
  readonly limits: readonly LimitUse[];
  /** Where it asks a stored set or value: `x IN (SELECT * FROM stage)`. */
  readonly sets: readonly SetUse[];
}

export interface SelectItem extends Span {
  /** The item without its alias. */
  readonly expression: Span;
  readonly alias?: string;
  readonly isStar: boolean;
}

/** An item of ORDER BY; `expression` is without DESC and the like. */
export interface OrderItem extends Span {
  readonly expression: Span;
}

export interface LimitUse extends Span {
  /** Of LIMIT n BY. */
  readonly by?: readonly Span[];
  /** WITH TIES: rows that are equal in the order stay or go together. */
  readonly hasTies: boolean;
}

/** Why a statement is not a SELECT that can be taken apart; plain words for `layers plan`. */
export interface Unsupported {
  readonly reason: string;
}

const clauseWords = [
  'SELECT',
  'FROM',
  'PREWHERE',
  'WHERE',
  'GROUP',
  'HAVING',
  'WINDOW',
  'QUALIFY',
  'ORDER',
  'LIMIT',
  'OFFSET',
  'SETTINGS',
];
const unsupportedClauses: Readonly<Record<string, string>> = {
  PREWHERE: 'PREWHERE reads tables, and a model reads views',
  OFFSET: 'OFFSET without LIMIT',
  SETTINGS: 'a SETTINGS clause',
};

export function readSelect(parsed: ParsedSql): SelectText | Unsupported {
  try {
    return new SelectReader(parsed).read();
  } catch (error) {
    if (error instanceof UnsupportedSql) return { reason: error.message };
    throw error;
  }
}

export function isUnsupported(select: SelectText | Unsupported): select is Unsupported {
  return 'reason' in select;
}

class SelectReader {
  readonly #parsed: ParsedSql;
  readonly #ranges: TokenRanges;

  constructor(parsed: ParsedSql) {
    this.#parsed = parsed;
    this.#ranges = new TokenRanges(parsed.tokens);
  }

  read(): SelectText {
    const ranges = this.#ranges;
    const sets = readSets(this.#parsed, ranges);
    this.#refuseWholeStatement(sets);
    const clauses = this.#clauses();
    const selectClause = clauses.get('SELECT');
    const fromClause = clauses.get('FROM');
    if (!selectClause || !fromClause) throw new UnsupportedSql('it is not a SELECT ... FROM');
    for (const [word, reason] of Object.entries(unsupportedClauses)) {
      if (clauses.has(word)) throw new UnsupportedSql(`it uses ${reason}`);
    }
    const isDistinct = ranges.word(selectClause.first) === 'DISTINCT';
    if (isDistinct && ranges.word(selectClause.first + 1) === 'ON') {
      throw new UnsupportedSql('it uses DISTINCT ON');
    }
    const list = { ...selectClause, first: selectClause.first + (isDistinct ? 1 : 0) };
    const items = ranges.split(list, ',').map((range) => this.#item(range));
    const relations = new FromReader(this.#parsed.tokens, ranges).relations(fromClause);
    const where = clauses.get('WHERE');
    const having = clauses.get('HAVING');
    const group = clauses.get('GROUP');
    const groupBy = group ? this.#groups(group) : [];
    const shape = this.#parsed.shape;
    const isUnderstood =
      shape !== undefined &&
      shape.items === items.length &&
      shape.joins === relations.length - 1 &&
      shape.groups === groupBy.length &&
      shape.hasWhere === (where !== undefined) &&
      shape.hasHaving === (having !== undefined);
    if (!isUnderstood) throw new UnsupportedSql('its structure is not understood in every part');
    const windowClause = clauses.get('WINDOW');
    const qualify = clauses.get('QUALIFY');
    const order = clauses.get('ORDER');
    const limit = clauses.get('LIMIT');
    return {
      parsed: this.#parsed,
      isDistinct,
      items,
      itemList: ranges.span(list),
      relations,
      from: ranges.span(fromClause),
      ...(where ? { where: ranges.span(where) } : {}),
      filters: where ? readConditions(where, ranges) : [],
      groupBy,
      ...(having ? { having: ranges.span(having) } : {}),
      windows: readWindows(ranges, windowClause),
      ...(windowClause ? { windowClause: ranges.span(windowClause) } : {}),
      ...(qualify ? { qualify: ranges.span(qualify) } : {}),
      orderBy: order ? this.#orders(order) : [],
      limits: limit ? this.#limits(limit) : [],
      sets,
    };
  }

  #refuseWholeStatement(sets: readonly SetUse[]): void {
    if (this.#ranges.word(0) === 'WITH') throw new UnsupportedSql('it uses WITH (a CTE)');
    for (const [index, token] of this.#parsed.tokens.entries()) {
      const next = this.#ranges.word(index + 1);
      const isSetOperation = ['UNION', 'INTERSECT', 'EXCEPT'].includes(token.word);
      if (isSetOperation && ['ALL', 'DISTINCT', 'SELECT'].includes(next)) {
        throw new UnsupportedSql(`it uses ${token.word}`);
      }
      const isSet = sets.some(({ query }) => query.start < token.start && token.end < query.end);
      if (token.word === 'SELECT' && index > 0 && !isSet) {
        throw new UnsupportedSql('it has a subquery');
      }
      if (token.word === 'ARRAYJOIN') throw new UnsupportedSql('it uses arrayJoin');
    }
  }

  /** Ranges of token indexes by clause word, without the word itself; LIMIT with it. */
  #clauses(): Map<string, TokenRange> {
    const starts: { word: string; at: number; first: number }[] = [];
    for (const [index, token] of this.#parsed.tokens.entries()) {
      if (this.#ranges.depth(index) !== 0 || this.#ranges.word(index - 1) === '.') continue;
      const rank = clauseWords.indexOf(token.word);
      const last = starts.at(-1)?.word ?? '';
      if (rank <= clauseWords.indexOf(last)) continue;
      // LIMIT 5 OFFSET 2 is one clause.
      if (token.word === 'OFFSET' && last === 'LIMIT') continue;
      const isPair = token.word === 'GROUP' || token.word === 'ORDER';
      if (isPair && this.#ranges.word(index + 1) !== 'BY') continue;
      const own = token.word === 'LIMIT' ? 0 : isPair ? 2 : 1;
      starts.push({ word: token.word, at: index, first: index + own });
    }
    const clauses = new Map<string, TokenRange>();
    for (const [order, start] of starts.entries()) {
      const last = (starts[order + 1]?.at ?? this.#ranges.length) - 1;
      if (last < start.first) throw new UnsupportedSql(`${start.word} is empty`);
      clauses.set(start.word, { first: start.first, last });
    }
    return clauses;
  }

  #item(range: TokenRange): SelectItem {
    const span = this.#ranges.span(range);
    const { first, last } = range;
    const isStar =
      this.#ranges.word(first) === '*' ||
      (this.#ranges.word(first + 1) === '.' && this.#ranges.word(first + 2) === '*');
    const before = this.#ranges.token(last - 1);
    const token = this.#ranges.token(last);
    if (isStar || token === undefined || before === undefined || last === first) {
      return { ...span, expression: span, isStar };
    }
    if (before.word === 'AS') {
      const expression = this.#ranges.span({ first, last: last - 2 });
      return { ...span, expression, alias: token.text, isStar };
    }
    // `amount total`: two operands without an operator between them.
    const endsOperand =
      before.isName || [')', ']', 'END'].includes(before.word) || /^[\d']/.test(before.text);
    const isWindowName = before.word === 'OVER';
    if (token.isName && endsOperand && !isWindowName) {
      const expression = this.#ranges.span({ first, last: last - 1 });
      return { ...span, expression, alias: token.text, isStar };
    }
    return { ...span, expression: span, isStar };
  }

  #groups(range: TokenRange): Span[] {
    for (let index = range.first; index <= range.last; index += 1) {
      if (this.#ranges.depth(index) !== 0) continue;
      if (['ALL', 'WITH', 'ROLLUP', 'CUBE', 'GROUPING'].includes(this.#ranges.word(index))) {
        throw new UnsupportedSql(`it uses GROUP BY ... ${this.#ranges.word(index)}`);
      }
    }
    return this.#ranges.split(range, ',').map((part) => this.#ranges.span(part));
  }

  #orders(range: TokenRange): OrderItem[] {
    return this.#ranges.split(range, ',').map((part) => {
      const words = this.#ranges.wordsAt(part, 0);
      if (['FILL', 'INTERPOLATE', 'ALL'].some((word) => words.includes(word))) {
        throw new UnsupportedSql('it uses ORDER BY ... WITH FILL or ALL');
      }
      let { last } = part;
      for (let index = part.first + 1; index <= part.last; index += 1) {
        if (this.#ranges.depth(index) !== 0 || !orderWords.has(this.#ranges.word(index))) continue;
        last = index - 1;
        break;
      }
      const expression = this.#ranges.span({ first: part.first, last });
      return { ...this.#ranges.span(part), expression };
    });
  }

  #limits(range: TokenRange): LimitUse[] {
    const starts: number[] = [];
    for (let index = range.first; index <= range.last; index += 1) {
      if (this.#ranges.depth(index) === 0 && this.#ranges.word(index) === 'LIMIT') {
        starts.push(index);
      }
    }
    return starts.map((first, order) => {
      const part = { first, last: (starts[order + 1] ?? range.last + 1) - 1 };
      const words = this.#ranges.wordsAt(part, 0);
      const hasTies = words.includes('TIES');
      const own = { ...this.#ranges.span(part), hasTies };
      const place = words.indexOf('BY');
      if (place < 0) return own;
      if (words.indexOf('OFFSET') > place) throw new UnsupportedSql('it uses LIMIT BY ... OFFSET');
      if (words.includes('ALL')) throw new UnsupportedSql('it uses LIMIT BY ALL');
      let by = part.first;
      while (this.#ranges.depth(by) !== 0 || this.#ranges.word(by) !== 'BY') by += 1;
      const list = this.#ranges.split({ first: by + 1, last: part.last }, ',');
      return { ...own, by: list.map((each) => this.#ranges.span(each)) };
    });
  }
}

const orderWords = new Set(['ASC', 'DESC', 'ASCENDING', 'DESCENDING', 'NULLS', 'COLLATE']);
