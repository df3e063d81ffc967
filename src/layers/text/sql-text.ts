import { quoteIdentifier } from '../../engine/sql-quote.ts';
/** A stretch of SQL text: UTF-16 offsets, `end` exclusive. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** Replaces a span by other text; an empty span inserts. */
export interface Edit extends Span {
  readonly text: string;
}

/** The text of `span` with those edits that lie inside it. Edits must not overlap. */
export function renderSpan(sql: string, span: Span, edits: readonly Edit[] = []): string {
  const inside = edits
    .filter((edit) => edit.start >= span.start && edit.end <= span.end)
    .sort((left, right) => left.start - right.start || left.end - right.end);
  let text = '';
  let at = span.start;
  for (const edit of inside) {
    text += sql.slice(at, edit.start) + edit.text;
    at = edit.end;
  }
  return text + sql.slice(at, span.end);
}

export function quoteNames(names: readonly string[]): string {
  return names.map(quoteIdentifier).join(', ');
}

/** `(a, b)`, or just `a` when there is one: the left side of IN. */
export function renderTuple(expressions: readonly string[]): string {
  return expressions.length === 1 ? expressions.join('') : `(${expressions.join(', ')})`;
}

/** Line and column (both from 1) of an offset. */
export function lineAndColumn(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset);
  const lineStart = before.lastIndexOf('\n') + 1;
  return { line: before.split('\n').length, column: offset - lineStart + 1 };
}
