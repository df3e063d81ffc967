import type { ParsedSql } from './sql-parser.ts';
import type { Span } from './sql-text.ts';

import { type TokenRange, TokenRanges, UnsupportedSql } from './token-ranges.ts';

/**
 * One SELECT taken apart into its clauses. Spans point into the user's own text, which is what later
 * statements are made of: expressions are never written anew, only table references are replaced.
 */
export interface SelectText {
  readonly parsed: ParsedSql;
  readonly items: readonly SelectItem[];
  /** Everything between the first and the last item. */
  readonly itemList: Span;
  readonly relations: readonly FromRelation[];
  /** From the first relation to the end of the last join condition. */
  readonly from: Span;
  readonly where?: Span;
  readonly groupBy: readonly Span[];
  readonly having?: Span;
}

export interface SelectItem extends Span {
  /** The item without its alias. */
  readonly expression: Span;
  readonly alias?: string;
  readonly isStar: boolean;
}

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
}

export interface Condition extends Span {
  /** Both sides when the condition is one plain equality. */
  readonly sides?: readonly [Span, Span];
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
  WINDOW: 'a WINDOW clause',
  QUALIFY: 'a QUALIFY clause',
  LIMIT: 'LIMIT or LIMIT BY',
  OFFSET: 'OFFSET',
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
    this.#refuseWholeStatement();
    const clauses = this.#clauses();
    const selectClause = clauses.get('SELECT');
    const fromClause = clauses.get('FROM');
    if (!selectClause || !fromClause) throw new UnsupportedSql('it is not a SELECT ... FROM');
    for (const [word, reason] of Object.entries(unsupportedClauses)) {
      if (clauses.has(word)) throw new UnsupportedSql(`it uses ${reason}`);
    }
    const items = this.#ranges.split(selectClause, ',').map((range) => this.#item(range));
    const relations = this.#relations(fromClause);
    const where = clauses.get('WHERE');
    const having = clauses.get('HAVING');
    const groupClause = clauses.get('GROUP');
    const groupBy = groupClause ? this.#groups(groupClause) : [];
    const shape = this.#parsed.shape;
    const isUnderstood =
      shape !== undefined &&
      shape.items === items.length &&
      shape.joins === relations.length - 1 &&
      shape.groups === groupBy.length &&
      shape.hasWhere === (where !== undefined) &&
      shape.hasHaving === (having !== undefined);
    if (!isUnderstood) throw new UnsupportedSql('its structure is not understood in every part');
    return {
      parsed: this.#parsed,
      items,
      itemList: this.#ranges.span(selectClause),
      relations,
      from: this.#ranges.span(fromClause),
      ...(where ? { where: this.#ranges.span(where) } : {}),
      groupBy,
      ...(having ? { having: this.#ranges.span(having) } : {}),
    };
  }

  #refuseWholeStatement(): void {
    if (this.#ranges.word(0) === 'WITH') throw new UnsupportedSql('it uses WITH (a CTE)');
    for (const [index, token] of this.#parsed.tokens.entries()) {
      const next = this.#ranges.word(index + 1);
      const isSetOperation = ['UNION', 'INTERSECT', 'EXCEPT'].includes(token.word);
      if (isSetOperation && ['ALL', 'DISTINCT', 'SELECT'].includes(next)) {
        throw new UnsupportedSql(`it uses ${token.word}`);
      }
      if (token.word === 'SELECT' && index > 0) throw new UnsupportedSql('it has a subquery');
      if (token.word === 'OVER') throw new UnsupportedSql('it uses a window function');
      if (token.word === 'DISTINCT' && this.#ranges.word(index - 1) === 'SELECT') {
        throw new UnsupportedSql('it uses SELECT DISTINCT');
      }
      if (token.word === 'ARRAYJOIN') throw new UnsupportedSql('it uses arrayJoin');
    }
  }

  /** Ranges of token indexes by clause word, without the word itself. */
  #clauses(): Map<string, TokenRange> {
    const starts: { word: string; at: number; first: number }[] = [];
    for (const [index, token] of this.#parsed.tokens.entries()) {
      if (this.#ranges.depth(index) !== 0 || this.#ranges.word(index - 1) === '.') continue;
      const rank = clauseWords.indexOf(token.word);
      if (rank <= clauseWords.indexOf(starts.at(-1)?.word ?? '')) continue;
      const isPair = token.word === 'GROUP' || token.word === 'ORDER';
      if (isPair && this.#ranges.word(index + 1) !== 'BY') continue;
      starts.push({ word: token.word, at: index, first: index + (isPair ? 2 : 1) });
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
    if (token.isName && endsOperand) {
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

  #relations(range: TokenRange): FromRelation[] {
    const relations: FromRelation[] = [];
    let at = range.first;
    let join: FromRelation['join'] = 'driving';
    for (;;) {
      const reference = this.#reference(at, range);
      at = reference.next;
      const conditionStart = at;
      at = this.#nextJoin(at, range);
      const condition =
        at > conditionStart
          ? this.#joinCondition({ first: conditionStart, last: at - 1 })
          : { conditions: [], using: [] };
      if (join !== 'driving' && at === conditionStart) {
        throw new UnsupportedSql('it has a join without ON or USING');
      }
      relations.push({ ...reference.relation, join, ...condition });
      if (at > range.last) return relations;
      const kind = this.#joinKind(at);
      join = kind.join;
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
    if (this.#ranges.word(next) === 'FINAL') next += 1;
    if (this.#ranges.word(next) === 'AS') next += 1;
    const named = this.#ranges.token(next);
    if (named?.isName && next <= range.last && !joinWords.has(named.word)) {
      alias = named.text;
      next += 1;
    }
    if (this.#ranges.word(next) === 'FINAL') next += 1;
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

  #joinKind(at: number): { join: 'inner' | 'left'; next: number } {
    const words: string[] = [];
    let next = at;
    while (joinWords.has(this.#ranges.word(next))) {
      words.push(this.#ranges.word(next));
      next += 1;
      if (words.at(-1) === 'JOIN') break;
    }
    const plain = words.filter((word) => word !== 'ALL' && word !== 'OUTER').join(' ');
    if (plain === 'JOIN' || plain === 'INNER JOIN') return { join: 'inner', next };
    if (plain === 'LEFT JOIN') return { join: 'left', next };
    throw new UnsupportedSql(`it uses ${words.join(' ')}`);
  }

  #joinCondition(range: TokenRange): Pick<FromRelation, 'conditions' | 'using'> {
    const word = this.#ranges.word(range.first);
    const rest = { first: range.first + 1, last: range.last };
    if (word === 'USING') {
      const names = this.#parsed.tokens.slice(rest.first, rest.last + 1);
      const using = names.filter((token) => !['(', ')', ','].includes(token.word));
      return { conditions: [], using: using.map((token) => token.text) };
    }
    if (word !== 'ON') throw new UnsupportedSql('it has a join without ON or USING');
    return { conditions: this.#conjuncts(rest).map((part) => this.#condition(part)), using: [] };
  }

  #conjuncts(range: TokenRange): TokenRange[] {
    const inner = this.#ranges.withoutParentheses(range);
    const depth = this.#ranges.depth(inner.first);
    const words = this.#ranges.wordsAt(inner, depth);
    if (words.includes('OR')) return [inner];
    const parts = this.#ranges.split(inner, 'AND');
    return parts.length === 1 ? parts : parts.flatMap((part) => this.#conjuncts(part));
  }

  #condition(range: TokenRange): Condition {
    const depth = this.#ranges.depth(range.first);
    const operators = this.#ranges
      .wordsAt(range, depth)
      .filter((word) => comparisonWords.has(word));
    const span = this.#ranges.span(range);
    if (operators.length !== 1 || !['=', '=='].includes(operators[0] ?? '')) return span;
    for (let index = range.first + 1; index < range.last; index += 1) {
      if (this.#ranges.depth(index) !== depth || !['=', '=='].includes(this.#ranges.word(index)))
        continue;
      const left = this.#ranges.span({ first: range.first, last: index - 1 });
      const right = this.#ranges.span({ first: index + 1, last: range.last });
      return { ...span, sides: [left, right] };
    }
    return span;
  }
}

const joinWords = new Set(
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
