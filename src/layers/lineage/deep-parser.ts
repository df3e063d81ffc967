import { Dialect, parse } from '@polyglot-sql/sdk';
import { parseSql, type SqlToken } from '../text/sql-parser.ts';
import type { Span } from '../text/sql-text.ts';

/**
 * The parser library gives up where 32 levels are nested, and `parse` has no option to raise that. A text
 * that is deeper is parsed in pieces: what stands in brackets some levels down is replaced by a number of
 * the same length, parsed by itself at its own place, and put where the number is. So all places in the
 * tree are those of the whole text.
 *
 * ```
 *  SELECT f(g(h(a, b + 1))) FROM t     SELECT f(g(918273000)) FROM t
 *                                 ->           SELECT h(a, b + 1)
 * ```
 */
export function parseDeep(sql: string): unknown {
  const whole = parseOne(sql);
  if (whole !== undefined) return whole.statement;
  // Where the stack is small it ends before the library's own limit, with another message.
  for (const level of cutLevels) {
    const tree = parseInPieces(sql, level);
    if (tree !== undefined) return tree;
  }
  return undefined;
}

/** Brackets at which a text is cut; expressions with much between two brackets need the smaller ones. */
const cutLevels = [6, 3, 2, 1];

const placeholder = 918_273_000;

/** Groups in brackets that are no expressions. */
const noExpressions = new Set(['PARTITION', 'ORDER', 'ROWS', 'RANGE', 'GROUPS']);
const noExpressionsAfter = new Set(['OVER', 'USING', 'EXCEPT', 'REPLACE', 'APPLY']);

function parseOne(sql: string): { statement: unknown } | undefined {
  const { success, ast } = parse(sql, Dialect.ClickHouse);
  const statements: unknown[] = success && Array.isArray(ast) ? ast : [];
  return statements.length === 1 ? { statement: statements[0] } : undefined;
}

interface Piece extends Span {
  readonly number: number;
  readonly isQuery: boolean;
}

function parseInPieces(sql: string, level: number): unknown {
  const pieces = piecesOf(sql, level);
  if (pieces.length === 0 || sql.includes(String(placeholder))) return undefined;
  let rest = sql;
  for (const { start, end, number, isQuery } of pieces) {
    const text = isQuery ? `SELECT ${number}` : String(number);
    rest =
      rest.slice(0, start) +
      text +
      blank(sql.slice(start, end)).slice(text.length) +
      rest.slice(end);
  }
  // Blanks are single units, so from here on places are those of code points.
  const outer = parseOne(rest);
  if (outer === undefined) return undefined;
  const parsed = new Map<number, unknown>();
  for (const piece of pieces) {
    const inner = parsePiece(sql, piece);
    if (inner === undefined) return undefined;
    parsed.set(piece.number, inner);
  }
  return replaced(outer.statement, parsed);
}

/** As long as the text in code points, which the library counts. */
function blank(text: string): string {
  return ' '.repeat([...text].length);
}

function parsePiece(sql: string, { start, end, isQuery }: Piece): unknown {
  const before = blank(sql.slice(0, start));
  const content = sql.slice(start, end);
  if (isQuery) return parseDeep(before + content);
  const select = 'SELECT ';
  const tree = parseDeep(`${before.slice(select.length)}${select}${content}`) as
    | { select?: { expressions?: unknown[] } }
    | undefined;
  const expressions = tree?.select?.expressions;
  return expressions?.length === 1 ? expressions[0] : expressions && { tuple: { expressions } };
}

function piecesOf(sql: string, level: number): Piece[] {
  const { tokens } = parseSql(sql);
  const pieces: Piece[] = [];
  let depth = 0;
  let opened = -1;
  for (const [index, token] of tokens.entries()) {
    if (token.word === '(') {
      depth += 1;
      if (depth === level) opened = index;
    }
    if (token.word !== ')') continue;
    if (depth === level) {
      const piece = pieceOf(tokens, opened, index, placeholder + pieces.length);
      if (piece !== undefined) pieces.unshift(piece);
    }
    depth -= 1;
  }
  return pieces;
}

function pieceOf(
  tokens: readonly SqlToken[],
  opened: number,
  closed: number,
  number: number,
): Piece | undefined {
  const first = tokens[opened + 1];
  const start = tokens[opened]?.end ?? 0;
  const end = tokens[closed]?.start ?? 0;
  const isQuery = first?.word === 'SELECT' || first?.word === 'WITH';
  const needed = String(number).length + (isQuery ? 'SELECT '.length : 0);
  if (first === undefined || end - start < needed || noExpressions.has(first.word))
    return undefined;
  if (noExpressionsAfter.has(tokens[opened - 1]?.word ?? '')) return undefined;
  return { start, end, number, isQuery };
}

/** The tree with the pieces in the places of their numbers. */
function replaced(node: unknown, pieces: ReadonlyMap<number, unknown>): unknown {
  if (Array.isArray(node)) return node.map((child) => replaced(child, pieces));
  if (typeof node !== 'object' || node === null) return node;
  const { literal, select } = node as { literal?: { value?: unknown }; select?: SelectNode };
  const only = select?.expressions?.length === 1 ? select.expressions[0] : undefined;
  const value = Number(literal?.value ?? (select?.from ? undefined : only?.literal?.value));
  if (pieces.has(value)) return pieces.get(value);
  const entries = Object.entries(node).map(([key, child]) => [key, replaced(child, pieces)]);
  return Object.fromEntries(entries);
}

interface SelectNode {
  readonly from?: unknown;
  readonly expressions?: readonly { readonly literal?: { readonly value?: unknown } }[];
}
