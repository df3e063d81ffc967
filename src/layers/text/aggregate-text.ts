import type { BoundSelect } from '../model/binding.ts';
import type { ParsedSql } from './sql-parser.ts';
import type { Span } from './sql-text.ts';
import { TokenRanges } from './token-ranges.ts';

/** The outermost calls of aggregate functions in a span; window functions are none. */
export function aggregateCalls(
  { select }: BoundSelect,
  span: Span,
  isAggregate: (name: string) => boolean,
): Span[] {
  return callsIn(select.parsed, span, isAggregate);
}

export function callsIn(
  { tokens }: ParsedSql,
  span: Span,
  isAggregate: (name: string) => boolean,
): Span[] {
  const ranges = new TokenRanges(tokens);
  const calls: Span[] = [];
  for (let index = 0; index < tokens.length; index += 1) {
    const token = tokens[index];
    if (token === undefined || token.start < span.start || token.end > span.end) continue;
    const isCall = ranges.word(index + 1) === '(' && ranges.word(index - 1) !== '.';
    if (token.isQuoted || !isCall || !isAggregate(token.text)) continue;
    let last = ranges.closing(index + 1);
    if (ranges.word(last + 1) === '(') last = ranges.closing(last + 1);
    if (ranges.word(last + 1) === 'FILTER') last = ranges.closing(last + 2);
    let after = last + 1;
    while (['IGNORE', 'RESPECT', 'NULLS'].includes(ranges.word(after))) after += 1;
    // What a window function works on may be an aggregate itself.
    if (ranges.word(after) === 'OVER') continue;
    calls.push(ranges.span({ first: index, last }));
    index = last;
  }
  return calls;
}
