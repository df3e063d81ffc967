import { DorisError } from './doris-cluster.ts';

export interface Token {
  readonly kind: 'word' | 'name' | 'text' | 'number' | 'symbol' | 'end';
  readonly text: string;
  /** Where it begins in the statement. */
  readonly at: number;
}

const pattern =
  /\s+|--[^\n]*|`((?:[^`]|``)*)`|'((?:[^'\\]|\\[\s\S]|'')*)'|"((?:[^"\\]|\\[\s\S]|"")*)"|(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|([A-Za-z_@][\w@.]*)|(<=|>=|!=|<>|[(),.=<>+\-*/;])/gy;

const escapes: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', '0': '\0', b: '\b' };

/** A statement as the parser of the server cuts it. */
export class Tokens {
  readonly sql: string;
  readonly #all: Token[] = [];
  #next = 0;

  constructor(sql: string) {
    this.sql = sql;
    pattern.lastIndex = 0;
    while (pattern.lastIndex < sql.length) {
      const at = pattern.lastIndex;
      const match = pattern.exec(sql);
      if (match === null) throw new DorisError(`extraneous input at '${sql.slice(at, at + 20)}'`);
      const [, name, single, double, number, word, symbol] = match;
      if (name !== undefined) this.#add('name', name.replaceAll('``', '`'), at);
      else if (single !== undefined) this.#add('text', unquoted(single, "''"), at);
      else if (double !== undefined) this.#add('text', unquoted(double, '""'), at);
      else if (number !== undefined) this.#add('number', number, at);
      else if (word !== undefined) this.#add('word', word, at);
      else if (symbol !== undefined && symbol !== ';') this.#add('symbol', symbol, at);
    }
    this.#add('end', '', sql.length);
  }

  #add(kind: Token['kind'], text: string, at: number): void {
    this.#all.push({ kind, text, at });
  }

  get peek(): Token {
    return this.#all[this.#next] as Token;
  }

  take(): Token {
    const token = this.peek;
    if (token.kind !== 'end') this.#next++;
    return token;
  }

  /** Takes the words or symbols if they all come next. */
  takeIf(...words: readonly string[]): boolean {
    const fits = words.every((word, index) => {
      const token = this.#all[this.#next + index];
      const bare = token?.kind === 'word' || token?.kind === 'symbol';
      return bare && token.text.toUpperCase() === word;
    });
    if (fits) this.#next += words.length;
    return fits;
  }

  expect(...words: readonly string[]): void {
    if (!this.takeIf(...words)) this.fail(words.join(' '));
  }

  /** A name, quoted or not. */
  name(): string {
    const token = this.take();
    if (token.kind !== 'name' && token.kind !== 'word') this.fail('a name');
    return token.text;
  }

  /** `database`.`table`, `database.table`, or a table of the default database. */
  tableName(defaultDatabase: string): readonly [database: string, table: string] {
    const first = this.take();
    if (first.kind === 'word' && first.text.includes('.')) {
      const [database = '', table = ''] = first.text.split('.');
      return [database, table];
    }
    return this.takeIf('.') ? [first.text, this.name()] : [defaultDatabase, first.text];
  }

  text(): string {
    const token = this.take();
    if (token.kind !== 'text') this.fail('a string');
    return token.text;
  }

  /** A list in parentheses. */
  list<T>(item: () => T): T[] {
    this.expect('(');
    const items = [item()];
    while (this.takeIf(',')) items.push(item());
    this.expect(')');
    return items;
  }

  /** The rest of the statement as it was written. */
  rest(): string {
    const text = this.sql.slice(this.peek.at);
    this.#next = this.#all.length - 1;
    return text.replace(/;\s*$/, '');
  }

  end(): void {
    if (this.peek.kind !== 'end') this.fail('the end');
  }

  fail(expected: string): never {
    throw new DorisError(`mismatched input '${this.peek.text}' expecting ${expected}`);
  }
}

function unquoted(text: string, doubled: string): string {
  return text
    .replaceAll(doubled, doubled.slice(1))
    .replace(/\\([\s\S])/g, (_, each: string) => escapes[each] ?? each);
}
