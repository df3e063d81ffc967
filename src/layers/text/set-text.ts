import { quoteIdentifier } from '../../engine/sql-quote.ts';
import type { ParsedSql } from './sql-parser.ts';
import type { Span } from './sql-text.ts';
import { type TokenRanges, UnsupportedSql } from './token-ranges.ts';

/** Where a SELECT asks a stored relation for a set (`x IN (...)`) or for a single value. */
export interface SetUse {
  /** The whole: `x NOT IN (SELECT ...)`, or the parentheses alone when it is a value. */
  readonly span: Span;
  /** What is looked up in the set; absent when it is a value. */
  readonly operand?: Span;
  /** The parentheses with the query. */
  readonly query: Span;
  /** The relation, as FROM names one. */
  readonly name: string;
}

/** Database of hidden stages inside rewritten text. */
export const stageDatabase = '_stage';

/** How rewritten text names a stage in FROM. */
export function renderStage(name: string): string {
  return `${stageDatabase}.${quoteIdentifier(name)}`;
}

/** How rewritten text asks a stage for its rows: the only subquery that `readSelect` takes. */
export function renderSet(name: string): string {
  return `(SELECT * FROM ${renderStage(name)})`;
}

export function readSets(parsed: ParsedSql, ranges: TokenRanges): SetUse[] {
  return parsed.tokens.flatMap((token, index): SetUse[] => {
    const words = ['(', 'SELECT', '*', 'FROM', stageDatabase.toUpperCase(), '.'];
    if (token.word !== '(' || !words.every((word, step) => ranges.word(index + step) === word))
      return [];
    const stage = ranges.token(index + 6);
    if (stage === undefined || ranges.word(index + 7) !== ')') return [];
    const query = ranges.span({ first: index, last: index + 7 });
    const name = `${stageDatabase}.${stage.text}`;
    if (ranges.word(index - 1) !== 'IN') return [{ span: query, query, name }];
    let before = index - 2;
    while (['NOT', 'GLOBAL'].includes(ranges.word(before))) before -= 1;
    const first = startOfOperand(before, ranges);
    const operand = ranges.span({ first, last: before });
    return [{ span: { start: operand.start, end: query.end }, operand, query, name }];
  });
}

/** Index of the first token of what stands before IN. */
function startOfOperand(last: number, ranges: TokenRanges): number {
  const depth = ranges.depth(last);
  let first = last;
  for (let index = last; index >= 0 && ranges.depth(index) >= depth; index -= 1) {
    if (ranges.depth(index) > depth) continue;
    const word = ranges.word(index);
    if (endWords.has(word)) break;
    if (comparisons.has(word)) throw new UnsupportedSql('what stands before IN is not understood');
    first = index;
  }
  return first;
}

const endWords = new Set(
  ', SELECT DISTINCT ON WHERE HAVING QUALIFY BY AND OR NOT WHEN THEN ELSE ? : -> AS'.split(' '),
);
const comparisons = new Set(['=', '==', '!=', '<>', '<', '>', '<=', '>=', 'IN', 'LIKE', 'IS']);
