/** A piece of SQL: a name or keyword, or a sign. Strings, numbers and comments are left out. */
export interface Token {
  readonly kind: 'name' | 'sign';
  /** As written, without quotes. */
  readonly text: string;
  /** In upper case when not quoted, to compare with keywords; empty for a quoted name. */
  readonly word: string;
}

/**
 * One alternative each for: comments, the marks of executable comments (what is between them counts),
 * strings, quoted names, plain names, numbers, signs. `"` quotes a name under ANSI_QUOTES and a
 * string otherwise; table names in the binlog's statements are not written with it by default.
 */
const pattern =
  /(?:--[\s\S]*?(?:\n|$)|#.*?(?:\n|$)|\/\*(?![!M])[\s\S]*?\*\/|\/\*M?!\d*|\*\/|'(?:[^'\\]|\\[\s\S]|'')*')|`((?:[^`]|``)*)`|"((?:[^"\\]|\\[\s\S]|"")*)"|((?!\d+(?![\w$\u0080-\uffff]))[\w$\u0080-\uffff]+)|\d[\w.]*|([^\s\w])/g;

export function tokenize(sql: string): Token[] {
  const tokens: Token[] = [];
  for (const [, backquoted, quoted, plain, sign] of sql.matchAll(pattern)) {
    if (plain !== undefined) tokens.push({ kind: 'name', text: plain, word: plain.toUpperCase() });
    else if (sign !== undefined) tokens.push({ kind: 'sign', text: sign, word: sign });
    else if (backquoted !== undefined) {
      tokens.push({ kind: 'name', text: backquoted.replaceAll('``', '`'), word: '' });
    } else if (quoted !== undefined) {
      tokens.push({ kind: 'name', text: quoted.replaceAll('""', '"'), word: '' });
    }
  }
  return tokens;
}
