import type { ParsedSql, SqlToken } from './sql-parser.ts';
import type { Span } from './sql-text.ts';

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

/** Unwinds the reader; never leaves this file. */
class UnsupportedSql extends Error {}

class SelectReader {
  readonly #parsed: ParsedSql;
  readonly #tokens: readonly SqlToken[];
  readonly #depths: readonly number[];

  constructor(parsed: ParsedSql) {
    this.#parsed = parsed;
    this.#tokens = parsed.tokens;
    this.#depths = nestingDepths(parsed.tokens);
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
    const items = this.#split(selectClause, ',').map((range) => this.#item(range));
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
      itemList: this.#span(selectClause),
      relations,
      from: this.#span(fromClause),
      ...(where ? { where: this.#span(where) } : {}),
      groupBy,
      ...(having ? { having: this.#span(having) } : {}),
    };
  }

  #refuseWholeStatement(): void {
    if (this.#word(0) === 'WITH') throw new UnsupportedSql('it uses WITH (a CTE)');
    for (const [index, token] of this.#tokens.entries()) {
      const next = this.#word(index + 1);
      const isSetOperation = ['UNION', 'INTERSECT', 'EXCEPT'].includes(token.word);
      if (isSetOperation && ['ALL', 'DISTINCT', 'SELECT'].includes(next)) {
        throw new UnsupportedSql(`it uses ${token.word}`);
      }
      if (token.word === 'SELECT' && index > 0) throw new UnsupportedSql('it has a subquery');
      if (token.word === 'OVER') throw new UnsupportedSql('it uses a window function');
      if (token.word === 'DISTINCT' && this.#word(index - 1) === 'SELECT') {
        throw new UnsupportedSql('it uses SELECT DISTINCT');
      }
      if (token.word === 'ARRAYJOIN') throw new UnsupportedSql('it uses arrayJoin');
    }
  }

  /** Ranges of token indexes by clause word, without the word itself. */
  #clauses(): Map<string, Range> {
    const starts: { word: string; at: number; first: number }[] = [];
    for (const [index, token] of this.#tokens.entries()) {
      if (this.#depths[index] !== 0 || this.#word(index - 1) === '.') continue;
      const rank = clauseWords.indexOf(token.word);
      if (rank <= clauseWords.indexOf(starts.at(-1)?.word ?? '')) continue;
      const isPair = token.word === 'GROUP' || token.word === 'ORDER';
      if (isPair && this.#word(index + 1) !== 'BY') continue;
      starts.push({ word: token.word, at: index, first: index + (isPair ? 2 : 1) });
    }
    const clauses = new Map<string, Range>();
    for (const [order, start] of starts.entries()) {
      const last = (starts[order + 1]?.at ?? this.#tokens.length) - 1;
      if (last < start.first) throw new UnsupportedSql(`${start.word} is empty`);
      clauses.set(start.word, { first: start.first, last });
    }
    return clauses;
  }

  #item(range: Range): SelectItem {
    const span = this.#span(range);
    const { first, last } = range;
    const isStar =
      this.#word(first) === '*' || (this.#word(first + 1) === '.' && this.#word(first + 2) === '*');
    const before = this.#tokens[last - 1];
    const token = this.#tokens[last];
    if (isStar || token === undefined || before === undefined || last === first) {
      return { ...span, expression: span, isStar };
    }
    if (before.word === 'AS') {
      const expression = this.#span({ first, last: last - 2 });
      return { ...span, expression, alias: token.text, isStar };
    }
    // `amount total`: two operands without an operator between them.
    const endsOperand =
      before.isName || [')', ']', 'END'].includes(before.word) || /^[\d']/.test(before.text);
    if (token.isName && endsOperand) {
      const expression = this.#span({ first, last: last - 1 });
      return { ...span, expression, alias: token.text, isStar };
    }
    return { ...span, expression: span, isStar };
  }

  #groups(range: Range): Span[] {
    for (let index = range.first; index <= range.last; index += 1) {
      if (this.#depths[index] !== 0) continue;
      if (['ALL', 'WITH', 'ROLLUP', 'CUBE', 'GROUPING'].includes(this.#word(index))) {
        throw new UnsupportedSql(`it uses GROUP BY ... ${this.#word(index)}`);
      }
    }
    return this.#split(range, ',').map((part) => this.#span(part));
  }

  #relations(range: Range): FromRelation[] {
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
    range: Range,
  ): { relation: Pick<FromRelation, 'name' | 'alias' | 'span'>; next: number } {
    if (this.#word(at) === '(') throw new UnsupportedSql('it has a subquery');
    const database = this.#tokens[at];
    const table = this.#tokens[at + 2];
    if (!database || !table || this.#word(at + 1) !== '.' || at + 2 > range.last) {
      throw new UnsupportedSql('it reads something that is not a database.table');
    }
    if (this.#word(at + 3) === '(') throw new UnsupportedSql('it uses a table function');
    let next = at + 3;
    let alias = table.text;
    if (this.#word(next) === 'FINAL') next += 1;
    if (this.#word(next) === 'AS') next += 1;
    const named = this.#tokens[next];
    if (named?.isName && next <= range.last && !joinWords.has(named.word)) {
      alias = named.text;
      next += 1;
    }
    if (this.#word(next) === 'FINAL') next += 1;
    const name = `${database.text}.${table.text}`;
    return { relation: { name, alias, span: this.#span({ first: at, last: next - 1 }) }, next };
  }

  #nextJoin(from: number, range: Range): number {
    let index = from;
    for (; index <= range.last; index += 1) {
      if (this.#depths[index] !== 0 || this.#word(index - 1) === '.') continue;
      if (this.#word(index) === ',') throw new UnsupportedSql('it lists tables with a comma');
      // left(...) and any(...) are functions.
      if (joinWords.has(this.#word(index)) && this.#word(index + 1) !== '(') return index;
    }
    return index;
  }

  #joinKind(at: number): { join: 'inner' | 'left'; next: number } {
    const words: string[] = [];
    let next = at;
    while (joinWords.has(this.#word(next))) {
      words.push(this.#word(next));
      next += 1;
      if (words.at(-1) === 'JOIN') break;
    }
    const plain = words.filter((word) => word !== 'ALL' && word !== 'OUTER').join(' ');
    if (plain === 'JOIN' || plain === 'INNER JOIN') return { join: 'inner', next };
    if (plain === 'LEFT JOIN') return { join: 'left', next };
    throw new UnsupportedSql(`it uses ${words.join(' ')}`);
  }

  #joinCondition(range: Range): Pick<FromRelation, 'conditions' | 'using'> {
    const word = this.#word(range.first);
    const rest = { first: range.first + 1, last: range.last };
    if (word === 'USING') {
      const names = this.#tokens.slice(rest.first, rest.last + 1);
      const using = names.filter((token) => !['(', ')', ','].includes(token.word));
      return { conditions: [], using: using.map((token) => token.text) };
    }
    if (word !== 'ON') throw new UnsupportedSql('it has a join without ON or USING');
    return { conditions: this.#conjuncts(rest).map((part) => this.#condition(part)), using: [] };
  }

  #conjuncts(range: Range): Range[] {
    const inner = this.#withoutParentheses(range);
    const depth = this.#depths[inner.first];
    const words = this.#wordsAt(inner, depth);
    if (words.includes('OR')) return [inner];
    const parts = this.#split(inner, 'AND');
    return parts.length === 1 ? parts : parts.flatMap((part) => this.#conjuncts(part));
  }

  #condition(range: Range): Condition {
    const depth = this.#depths[range.first];
    const operators = this.#wordsAt(range, depth).filter((word) => comparisonWords.has(word));
    const span = this.#span(range);
    if (operators.length !== 1 || !['=', '=='].includes(operators[0] ?? '')) return span;
    for (let index = range.first + 1; index < range.last; index += 1) {
      if (this.#depths[index] !== depth || !['=', '=='].includes(this.#word(index))) continue;
      const left = this.#span({ first: range.first, last: index - 1 });
      const right = this.#span({ first: index + 1, last: range.last });
      return { ...span, sides: [left, right] };
    }
    return span;
  }

  /** Splits at a word on the range's own level; the AND of BETWEEN does not count. */
  #split(range: Range, separator: string): Range[] {
    const depth = this.#depths[range.first];
    const parts: Range[] = [];
    let first = range.first;
    let isBetween = false;
    for (let index = range.first; index <= range.last; index += 1) {
      const word = this.#depths[index] === depth ? this.#word(index) : '';
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

  #withoutParentheses(range: Range): Range {
    const { first, last } = range;
    const depth = this.#depths[first];
    if (this.#word(first) !== '(' || this.#word(last) !== ')' || last - first < 2) return range;
    for (let index = first + 1; index < last; index += 1) {
      if (this.#depths[index] === depth) return range;
    }
    return this.#withoutParentheses({ first: first + 1, last: last - 1 });
  }

  #wordsAt(range: Range, depth: number | undefined): string[] {
    const words: string[] = [];
    for (let index = range.first; index <= range.last; index += 1) {
      if (this.#depths[index] === depth) words.push(this.#word(index));
    }
    return words;
  }

  #word(index: number): string {
    return this.#tokens[index]?.word ?? '';
  }

  #span(range: Range): Span {
    const first = this.#tokens[range.first];
    const last = this.#tokens[range.last];
    if (first === undefined || last === undefined) throw new UnsupportedSql('a clause is empty');
    return { start: first.start, end: last.end };
  }
}

/** Token indexes, both inclusive. */
interface Range {
  readonly first: number;
  readonly last: number;
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
