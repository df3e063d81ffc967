import { FilterSyntaxError } from './filter-error.ts';
import { type Token, tokenize } from './tokens.ts';

/** An expression as it was written; `at` is the character it begins at, from 1. */
export type Filter =
  | { readonly kind: 'and' | 'or'; readonly parts: readonly Filter[] }
  | { readonly kind: 'not'; readonly part: Filter }
  | { readonly kind: 'isNull'; readonly column: ColumnName }
  | {
      readonly kind: 'compare';
      readonly operator: Comparison;
      readonly left: Operand;
      readonly right: Operand;
    }
  | { readonly kind: 'like'; readonly column: ColumnName; readonly pattern: Literal };

export type Comparison = '=' | '!=' | '<' | '<=' | '>' | '>=';
export type Operand = ColumnName | Literal;

export interface ColumnName {
  readonly kind: 'column';
  readonly name: string;
  readonly at: number;
}

export interface Literal {
  readonly kind: 'number' | 'text';
  readonly text: string;
  readonly at: number;
}

/** Parentheses within one another; more is a mistake, and would end the stack. */
const maxDepth = 100;

/**
 * Reads an expression:
 *
 *     or       and { OR and }
 *     and      not { AND not }
 *     not      [NOT] ( '(' or ')' | test )
 *     test     operand ( = | != | <> | < | <= | > | >= ) operand
 *            | column IS [NOT] NULL
 *            | column [NOT] IN '(' literal { , literal } ')'
 *            | column [NOT] LIKE text
 *            | column [NOT] BETWEEN literal AND literal
 *
 * IN and BETWEEN become comparisons. Throws FilterSyntaxError.
 */
export function parseFilter(text: string): Filter {
  return new FilterParser(tokenize(text)).parse();
}

class FilterParser {
  readonly #tokens: readonly Token[];
  #next = 0;
  #depth = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  parse(): Filter {
    const filter = this.#or();
    const rest = this.#peek();
    if (rest.kind !== 'end') throw unexpected(rest, 'AND, OR or the end');
    return filter;
  }

  #or(): Filter {
    return this.#list('or', 'OR', () => this.#list('and', 'AND', () => this.#not()));
  }

  #list(kind: 'and' | 'or', word: string, read: () => Filter): Filter {
    const first = read();
    const parts = [first];
    while (this.#takes(word)) parts.push(read());
    return parts.length === 1 ? first : { kind, parts };
  }

  #not(): Filter {
    if (++this.#depth > maxDepth) {
      throw new FilterSyntaxError(this.#peek().at, 'too many parentheses or NOT in one another');
    }
    try {
      if (this.#takes('NOT')) return { kind: 'not', part: this.#not() };
      if (!this.#takes('(')) return this.#test();
      const inner = this.#or();
      this.#expect(')');
      return inner;
    } finally {
      this.#depth--;
    }
  }

  #test(): Filter {
    const left = this.#operand();
    if (this.#takes('IS')) {
      const isNegated = this.#takes('NOT');
      this.#expect('NULL');
      return negated(isNegated, { kind: 'isNull', column: columnOf(left, 'IS NULL') });
    }
    const isNegated = this.#takes('NOT');
    if (this.#takes('IN')) return negated(isNegated, this.#in(columnOf(left, 'IN')));
    if (this.#takes('LIKE')) {
      const column = columnOf(left, 'LIKE');
      const pattern = this.#literal();
      if (pattern.kind !== 'text') {
        throw new FilterSyntaxError(pattern.at, "LIKE takes a text such as 'a%'");
      }
      return negated(isNegated, { kind: 'like', column, pattern });
    }
    if (this.#takes('BETWEEN')) return negated(isNegated, this.#between(columnOf(left, 'BETWEEN')));
    const token = this.#peek();
    const operator = comparisons[token.text];
    if (isNegated || token.kind !== 'symbol' || operator === undefined) {
      throw unexpected(token, isNegated ? 'IN, LIKE or BETWEEN' : 'a comparison, IS, IN or LIKE');
    }
    this.#next++;
    return { kind: 'compare', operator, left, right: this.#operand() };
  }

  #in(column: ColumnName): Filter {
    this.#expect('(');
    const parts: Filter[] = [];
    do {
      parts.push({ kind: 'compare', operator: '=', left: column, right: this.#literal() });
    } while (this.#takes(','));
    this.#expect(')');
    return { kind: 'or', parts };
  }

  #between(left: ColumnName): Filter {
    const low = this.#literal();
    this.#expect('AND');
    const high = this.#literal();
    return {
      kind: 'and',
      parts: [
        { kind: 'compare', operator: '>=', left, right: low },
        { kind: 'compare', operator: '<=', left, right: high },
      ],
    };
  }

  #operand(): Operand {
    const { kind, text, at } = this.#peek();
    if (kind !== 'name') return this.#literal();
    this.#next++;
    return { kind: 'column', name: text, at };
  }

  #literal(): Literal {
    const token = this.#peek();
    const { kind, text, at } = token;
    if (kind === 'word' && text === 'NULL') {
      throw new FilterSyntaxError(at, 'nothing equals NULL; write IS NULL or IS NOT NULL');
    }
    if (kind !== 'number' && kind !== 'text') {
      throw unexpected(token, 'a column, a number or a text');
    }
    this.#next++;
    return { kind, text, at };
  }

  #peek(): Token {
    return this.#tokens[this.#next] ?? { kind: 'end', text: '', at: 1 };
  }

  #takes(text: string): boolean {
    const token = this.#peek();
    const isIt = (token.kind === 'word' || token.kind === 'symbol') && token.text === text;
    if (isIt) this.#next++;
    return isIt;
  }

  #expect(text: string): void {
    if (!this.#takes(text)) throw unexpected(this.#peek(), text);
  }
}

const comparisons: Readonly<Record<string, Comparison>> = {
  '=': '=',
  '!=': '!=',
  '<>': '!=',
  '<': '<',
  '<=': '<=',
  '>': '>',
  '>=': '>=',
};

function negated(isNegated: boolean, part: Filter): Filter {
  return isNegated ? { kind: 'not', part } : part;
}

function columnOf(operand: Operand, what: string): ColumnName {
  if (operand.kind === 'column') return operand;
  throw new FilterSyntaxError(operand.at, `${what} asks about a column`);
}

function unexpected(token: Token, expected: string): FilterSyntaxError {
  const found = token.kind === 'end' ? 'the end' : token.text;
  return new FilterSyntaxError(token.at, `expected ${expected}, found ${found}`);
}

/** Names of the columns in an expression. */
export function columnsOf(filter: Filter): Set<string> {
  switch (filter.kind) {
    case 'and':
    case 'or':
      return new Set(filter.parts.flatMap((part) => [...columnsOf(part)]));
    case 'not':
      return columnsOf(filter.part);
    case 'compare':
      return new Set(
        [filter.left, filter.right].flatMap((each) => (each.kind === 'column' ? [each.name] : [])),
      );
    default:
      return new Set([filter.column.name]);
  }
}
