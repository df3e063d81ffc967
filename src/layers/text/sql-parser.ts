import { Dialect, parse, tokenize } from '@polyglot-sql/sdk';
import type { Span } from './sql-text.ts';

/**
 * With `lineage/deep-parser.ts` the only file that knows the SQL parser library (`@polyglot-sql/sdk`).
 *
 * Tokens say *where* things are, the syntax tree says *what* they are. The library accepts more than
 * the engine and may leave the end of a statement out of its tree, so `shape` lets the reader compare
 * the tree with what the tokens show; the engine has the last word on validity.
 */
export interface SqlToken extends Span {
  readonly text: string;
  /** The text in capitals when it may be a keyword; empty for quoted names and literals. */
  readonly word: string;
  /** A plain or quoted name that is not a keyword of the language. */
  readonly isName: boolean;
  readonly isQuoted: boolean;
}

/** A column as the statement refers to it: `table.name` or `name`. */
export interface ColumnUse extends Span {
  readonly table?: string;
  readonly name: string;
}

export interface ParsedSql {
  readonly sql: string;
  readonly tokens: readonly SqlToken[];
  readonly columns: readonly ColumnUse[];
  /** What the tree of a plain SELECT holds; absent for anything else. */
  readonly shape?: SelectShape;
}

export interface SelectShape {
  readonly items: number;
  readonly joins: number;
  readonly groups: number;
  readonly hasWhere: boolean;
  readonly hasHaving: boolean;
}

/** Never throws for bad SQL: what cannot be parsed has no shape, and the engine names the mistake. */
export function parseSql(sql: string): ParsedSql {
  const offsets = codePointOffsets(sql);
  const raw = (tokenize(sql, Dialect.ClickHouse).tokens ?? []) as unknown as LibraryToken[];
  const tokens = raw.map((token): SqlToken => {
    const isQuoted = token.token_type === 'QUOTED_IDENTIFIER';
    return {
      text: token.text,
      word: isQuoted || token.token_type === 'STRING' ? '' : token.text.toUpperCase(),
      isName: isQuoted || token.token_type === 'VAR',
      isQuoted,
      start: offsets(token.span.start),
      end: offsets(token.span.end),
    };
  });
  const result = parse(sql, Dialect.ClickHouse);
  const statements: unknown[] = result.success && Array.isArray(result.ast) ? result.ast : [];
  const columns: ColumnUse[] = [];
  collectColumns(statements, offsets, columns);
  const shape = statements.length === 1 ? shapeOf(statements[0]) : undefined;
  return { sql, tokens, columns, ...(shape === undefined ? {} : { shape }) };
}

/** The same statement in another spelling (case of keywords, spaces, comments) gives the same text. */
export function canonicalSql(parsed: ParsedSql): string {
  return parsed.tokens
    .map((token) => {
      if (token.isName) return `\`${token.text}\``;
      return token.word === '' ? `'${token.text}'` : token.word;
    })
    .join(' ');
}

/** As the library gives it at run time; its own type declaration has other names. */
interface LibraryToken {
  readonly token_type: string;
  readonly text: string;
  readonly span: Span;
}

/** The library counts code points, JavaScript UTF-16 units; they differ only beyond the BMP. */
export function codePointOffsets(sql: string): (offset: number) => number {
  if (!/[\u{10000}-\u{10ffff}]/u.test(sql)) return (offset) => offset;
  const starts: number[] = [];
  let at = 0;
  for (const character of sql) {
    starts.push(at);
    at += character.length;
  }
  return (offset) => starts[offset] ?? sql.length;
}

interface ColumnNode {
  readonly name?: { readonly name?: string };
  readonly table?: { readonly name?: string } | null;
  readonly span?: Span | null;
}

function collectColumns(
  node: unknown,
  offsets: (offset: number) => number,
  into: ColumnUse[],
): void {
  if (Array.isArray(node)) {
    for (const child of node) collectColumns(child, offsets, into);
    return;
  }
  if (typeof node !== 'object' || node === null) return;
  for (const [key, child] of Object.entries(node)) {
    const use = key === 'column' ? columnUse(child as ColumnNode, offsets) : undefined;
    if (use === undefined) collectColumns(child, offsets, into);
    else into.push(use);
  }
}

function columnUse(node: ColumnNode, offsets: (offset: number) => number): ColumnUse | undefined {
  if (typeof node?.name?.name !== 'string' || !node.span) return undefined;
  const table = node.table?.name;
  return {
    name: node.name.name,
    ...(table === undefined ? {} : { table }),
    start: offsets(node.span.start),
    end: offsets(node.span.end),
  };
}

interface SelectNode {
  readonly expressions?: unknown[];
  readonly joins?: unknown[];
  readonly group_by?: { readonly expressions?: unknown[] } | null;
  readonly where_clause?: unknown;
  readonly having?: unknown;
}

function shapeOf(statement: unknown): SelectShape | undefined {
  const select = (statement as { select?: SelectNode }).select;
  if (select === undefined) return undefined;
  return {
    items: select.expressions?.length ?? 0,
    joins: select.joins?.length ?? 0,
    groups: select.group_by?.expressions?.length ?? 0,
    hasWhere: Boolean(select.where_clause),
    hasHaving: Boolean(select.having),
  };
}
