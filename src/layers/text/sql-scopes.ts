import type { ParsedSql, SqlToken } from './sql-parser.ts';

/** What a SELECT reads, as its FROM names it. */
export interface NamedSource {
  readonly alias: string;
  /** `shop.orders`; absent for a subquery and for a CTE. */
  readonly table?: string;
  /** Index of the token that an alias, or the name itself, ends with. */
  readonly at: number;
}

/** Which tokens of a statement belong to which of its SELECTs; for messages and lint, not for rewriting. */
export class SqlScopes {
  readonly #parsed: ParsedSql;
  /** Of each token, the number of the innermost SELECT around it. */
  readonly #scopes: readonly number[];
  readonly #sources: readonly (NamedSource & { readonly scope: number })[];

  constructor(parsed: ParsedSql) {
    this.#parsed = parsed;
    this.#scopes = scopesOf(parsed);
    this.#sources = parsed.tokens.flatMap((_, index) => {
      const source = this.#sourceAt(index);
      return source === undefined ? [] : [{ ...source, scope: this.#scopes[index] ?? 0 }];
    });
  }

  scopeAt(index: number): number {
    return this.#scopes[index] ?? 0;
  }

  /** What the innermost SELECT around a token reads. */
  sourcesAt(index: number): readonly NamedSource[] {
    return this.#sources.filter(({ scope }) => scope === this.scopeAt(index));
  }

  /** The source of this name that a token can mean: its own SELECT's, or one of a SELECT around it. */
  sourceAt(index: number, alias: string): NamedSource | undefined {
    const named = this.#sources.filter((source) => source.alias === alias);
    return named.find(({ scope }) => scope === this.scopeAt(index)) ?? named[0];
  }

  /** Whether the SELECT around a token has a GROUP BY of its own. */
  isGroupedAt(index: number): boolean {
    return this.#parsed.tokens.some((token, at) => {
      const isGroup = token.word === 'GROUP' && this.#parsed.tokens[at + 1]?.word === 'BY';
      return isGroup && this.scopeAt(at) === this.scopeAt(index);
    });
  }

  /** Names that WITH gives to subqueries, anywhere in the statement. */
  cteNames(): string[] {
    const { tokens } = this.#parsed;
    return tokens.flatMap(({ text, isName }, index) => {
      const before = tokens[index - 1]?.word ?? '';
      const isDefinition = tokens[index + 1]?.word === 'AS' && tokens[index + 2]?.word === '(';
      return isName && isDefinition && ['WITH', ',', 'RECURSIVE'].includes(before) ? [text] : [];
    });
  }

  #sourceAt(index: number): NamedSource | undefined {
    const { tokens } = this.#parsed;
    const word = (at: number) => tokens[at]?.word ?? '';
    const before = word(index - 1);
    const isSource = ['FROM', 'JOIN'].includes(before) || (before === ',' && this.#isInFrom(index));
    if (!isSource) return undefined;
    if (word(index) === '(') return this.#aliasAfter(this.#closing(index));
    if (!isIdentifier(tokens[index])) return undefined;
    const isTable = word(index + 1) === '.' && isIdentifier(tokens[index + 2]);
    const last = isTable ? index + 2 : index;
    const isFunction = word(last + 1) === '(';
    if (isFunction) return this.#aliasAfter(this.#closing(last + 1));
    const own = tokens[last]?.text ?? '';
    const table = isTable ? { table: `${tokens[index]?.text}.${own}` } : {};
    return { alias: own, at: last, ...this.#aliasAfter(last), ...table };
  }

  #closing(index: number): number {
    const { tokens } = this.#parsed;
    let depth = 0;
    for (let at = index; at < tokens.length; at += 1) {
      if (tokens[at]?.word === '(') depth += 1;
      if (tokens[at]?.word === ')') depth -= 1;
      if (depth === 0) return at;
    }
    return tokens.length;
  }

  #aliasAfter(last: number): NamedSource | undefined {
    const { tokens } = this.#parsed;
    let at = last + 1;
    if (tokens[at]?.word === 'FINAL') at += 1;
    const hasAs = tokens[at]?.word === 'AS';
    if (hasAs) at += 1;
    const token = tokens[at];
    if (!token?.isName || (!hasAs && afterSource.has(token.word))) return undefined;
    return { alias: token.text, at };
  }

  /** A comma belongs to FROM when no other clause of the same SELECT has begun since. */
  #isInFrom(index: number): boolean {
    const { tokens } = this.#parsed;
    for (let at = index - 1; at >= 0; at -= 1) {
      if (this.#scopes[at] !== this.#scopes[index]) continue;
      const word = tokens[at]?.word ?? '';
      if (word === 'FROM') return true;
      if (clauseStarts.has(word)) return false;
    }
    return false;
  }
}

const clauseStarts = new Set(['SELECT', 'WHERE', 'GROUP', 'HAVING', 'ORDER', 'ON', 'USING', 'BY']);
const afterSource = new Set(
  'ON USING JOIN INNER LEFT RIGHT FULL CROSS ANY ALL ASOF SEMI ANTI GLOBAL ARRAY PASTE WHERE PREWHERE GROUP HAVING ORDER LIMIT UNION EXCEPT INTERSECT WINDOW QUALIFY SETTINGS SAMPLE'.split(
    ' ',
  ),
);

function scopesOf({ tokens }: ParsedSql): number[] {
  let next = 1;
  const open: { scope: number; isSelect: boolean }[] = [{ scope: 0, isSelect: true }];
  return tokens.map(({ word }, index) => {
    const current = open.at(-1)?.scope ?? 0;
    if (word === '(') {
      const isSelect = ['SELECT', 'WITH'].includes(tokens[index + 1]?.word ?? '');
      open.push({ scope: isSelect ? next : current, isSelect });
      if (isSelect) next += 1;
      return current;
    }
    if (word === ')' && open.length > 1) {
      open.pop();
      return open.at(-1)?.scope ?? 0;
    }
    const isBranch = ['UNION', 'INTERSECT', 'EXCEPT'].includes(word);
    if (isBranch && tokens[index + 1]?.word !== '(' && open.at(-1)?.isSelect) {
      open[open.length - 1] = { scope: next, isSelect: true };
      next += 1;
    }
    return current;
  });
}

function isIdentifier(token: SqlToken | undefined): boolean {
  return token !== undefined && (token.isQuoted || /^[A-Za-z_]\w*$/.test(token.text));
}
