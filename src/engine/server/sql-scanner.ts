/** A piece of a statement that is not white space or a comment. */
export interface SqlToken {
  readonly kind: 'word' | 'number' | 'string' | 'quoted' | 'symbol';
  /** As written, quotes included. */
  readonly text: string;
  readonly start: number;
  readonly end: number;
  /** Brackets open around it; an opening and a closing bracket count as outside. */
  readonly depth: number;
}

// ClickHouse's lexical rules (src/Parsers/Lexer.cpp): strings with backslash and doubled quotes,
// identifiers in backticks or double quotes, here-documents $tag$...$tag$, comments --, # and /* */.
const pattern = new RegExp(
  [
    /(?<skipped>\s+|--[^\n]*|#[ !][^\n]*|\/\*[\s\S]*?\*\/)/,
    /(?<string>'[^'\\]*(?:(?:\\[\s\S]|'')[^'\\]*)*'|\$(?<tag>\w*)\$[\s\S]*?\$\k<tag>\$)/,
    /(?<quoted>`[^`\\]*(?:(?:\\[\s\S]|``)[^`\\]*)*`|"[^"\\]*(?:(?:\\[\s\S]|"")[^"\\]*)*")/,
    /(?<word>[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*)/,
    /(?<number>\d[\w.]*)/,
    /(?<symbol>[\s\S])/,
  ]
    .map((part) => part.source)
    .join('|'),
  'y',
);

/**
 * Cuts SQL into tokens, lazily. It judges nothing: what is not valid SQL comes out as symbols and is
 * for the engine to refuse.
 */
export function* scanSql(sql: string): Generator<SqlToken> {
  const scanner = new RegExp(pattern);
  let depth = 0;
  for (let match = scanner.exec(sql); match !== null; match = scanner.exec(sql)) {
    const { index: start, groups = {} } = match;
    const [text] = match;
    if (groups['skipped'] !== undefined) continue;
    if (')]}'.includes(text)) depth = Math.max(0, depth - 1);
    yield { kind: kindOf(groups), text, start, end: start + text.length, depth };
    if ('([{'.includes(text)) depth++;
  }
}

function kindOf(groups: Record<string, string | undefined>): SqlToken['kind'] {
  if (groups['word'] !== undefined) return 'word';
  if (groups['symbol'] !== undefined) return 'symbol';
  if (groups['quoted'] !== undefined) return 'quoted';
  return groups['string'] !== undefined ? 'string' : 'number';
}

/** True for an unquoted word, in any case: `isWord(token, 'FORMAT')`. */
export function isWord(token: SqlToken | undefined, ...words: readonly string[]): boolean {
  return token?.kind === 'word' && words.includes(token.text.toUpperCase());
}

export function isSymbol(token: SqlToken | undefined, symbol: string): boolean {
  return token?.kind === 'symbol' && token.text === symbol;
}
