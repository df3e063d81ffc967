import { FilterSyntaxError } from './filter-error.ts';

export interface Token {
  readonly kind: 'name' | 'word' | 'number' | 'text' | 'symbol' | 'end';
  /** A word in upper case, a name or a text without its quotes. */
  readonly text: string;
  /** The character it begins at, from 1. */
  readonly at: number;
}

const words = new Set(['AND', 'OR', 'NOT', 'IN', 'IS', 'NULL', 'LIKE', 'BETWEEN']);

const patterns: readonly (readonly [Token['kind'] | 'space', RegExp])[] = [
  ['space', /\s+/y],
  ['name', /[A-Za-z_\u0080-\uffff][A-Za-z0-9_$\u0080-\uffff]*/y],
  ['name', /`(?:[^`]|``)+`/y],
  ['number', /[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?/y],
  ['text', /'(?:[^'\\]|''|\\[\s\S])*'/y],
  ['symbol', /<=|>=|<>|!=|[=<>(),]/y],
];

/** The parts of an expression; the last one is of kind `end`. */
export function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let offset = 0;
  while (offset < text.length) {
    const found = match(text, offset);
    if (found === undefined) throw unreadable(text, offset);
    if (found.kind !== 'space') tokens.push(tokenOf(found.kind, found.text, offset + 1));
    offset += found.text.length;
  }
  tokens.push({ kind: 'end', text: '', at: text.length + 1 });
  return tokens;
}

function match(
  text: string,
  offset: number,
): { kind: Token['kind'] | 'space'; text: string } | undefined {
  for (const [kind, pattern] of patterns) {
    pattern.lastIndex = offset;
    const found = pattern.exec(text)?.[0];
    if (found !== undefined) return { kind, text: found };
  }
  return undefined;
}

function tokenOf(kind: Token['kind'], text: string, at: number): Token {
  if (kind === 'text') return { kind, text: unquote(text), at };
  if (kind !== 'name') return { kind, text, at };
  if (text.startsWith('`')) return { kind, text: text.slice(1, -1).replaceAll('``', '`'), at };
  const word = text.toUpperCase();
  return words.has(word) ? { kind: 'word', text: word, at } : { kind, text, at };
}

/** `''` and `\'` are a quote, `\\` a backslash; `\%` and `\_` stay as they are, for LIKE. */
function unquote(text: string): string {
  return text.slice(1, -1).replaceAll(/''|\\([\s\S])/g, (whole, escaped?: string) => {
    if (escaped === undefined) return "'";
    return escaped === '%' || escaped === '_' ? whole : escaped;
  });
}

function unreadable(text: string, offset: number): FilterSyntaxError {
  const character = text.charAt(offset);
  if (character === "'" || character === '`') {
    return new FilterSyntaxError(offset + 1, `the ${character} that begins here has no end`);
  }
  const hint = character === '"' ? "; write text as 'text' and names as `name`" : '';
  return new FilterSyntaxError(offset + 1, `${character} is not understood${hint}`);
}
