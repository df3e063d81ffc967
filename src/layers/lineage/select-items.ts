import type { ParsedSql } from '../text/sql-parser.ts';
import type { Span } from '../text/sql-text.ts';
import { TokenRanges } from '../text/token-ranges.ts';

/** An item of a SELECT as it is written, and without its alias. */
export interface ItemText extends Span {
  readonly expression: Span;
}

/**
 * Items of every SELECT of a statement, in the order in which the SELECTs stand in the text. The tree of
 * the parser library has no places for expressions, so they are found between the commas.
 */
export function itemsOfSelects(parsed: ParsedSql): ItemText[][] {
  const ranges = new TokenRanges(parsed.tokens);
  return parsed.tokens.flatMap((token, index) => {
    if (token.word !== 'SELECT' || ranges.word(index - 1) === '.') return [];
    const first = skipModifiers(ranges, index + 1);
    const last = endOfItems(ranges, index, first);
    if (last < first) return [[]];
    const parts = splitAtCommas(ranges, first, last);
    return [parts.map(([from, to]) => itemText(ranges, from, to))];
  });
}

/** Past DISTINCT, DISTINCT ON (...) and ALL. */
function skipModifiers(ranges: TokenRanges, from: number): number {
  if (!['DISTINCT', 'ALL'].includes(ranges.word(from))) return from;
  if (ranges.word(from + 1) !== 'ON') return from + 1;
  let at = from + 3;
  while (at < ranges.length && ranges.depth(at) > ranges.depth(from + 2)) at += 1;
  return at + 1;
}

const afterItems = new Set(
  'FROM PREWHERE WHERE GROUP HAVING WINDOW QUALIFY ORDER LIMIT OFFSET SETTINGS UNION INTERSECT FORMAT'.split(
    ' ',
  ),
);

function endOfItems(ranges: TokenRanges, select: number, first: number): number {
  const depth = ranges.depth(select);
  for (let index = first; index < ranges.length; index += 1) {
    if (ranges.depth(index) < depth) return index - 1;
    if (ranges.depth(index) > depth || ranges.word(index - 1) === '.') continue;
    const word = ranges.word(index);
    if (word === ';') return index - 1;
    const isEnd = afterItems.has(word) || (word === 'EXCEPT' && ranges.word(index - 1) !== '*');
    if (isEnd && index > first && ranges.word(index + 1) !== '(') return index - 1;
    if (isEnd && ['FROM', 'WHERE', 'EXCEPT'].includes(word)) {
      // `EXCEPT (SELECT ...)` ends the list, `* EXCEPT (a)` is part of it.
      if (word !== 'EXCEPT' || ranges.word(index + 2) === 'SELECT') return index - 1;
    }
  }
  return ranges.length - 1;
}

function splitAtCommas(ranges: TokenRanges, first: number, last: number): [number, number][] {
  const depth = ranges.depth(first);
  const parts: [number, number][] = [];
  let from = first;
  for (let index = first; index <= last; index += 1) {
    if (ranges.depth(index) !== depth || ranges.word(index) !== ',') continue;
    parts.push([from, index - 1]);
    from = index + 1;
  }
  if (from <= last) parts.push([from, last]);
  return parts.filter(([start, end]) => start <= end);
}

function itemText(ranges: TokenRanges, first: number, last: number): ItemText {
  const whole = ranges.span({ first, last });
  const isNamed = last - first >= 2 && ranges.word(last - 1) === 'AS';
  if (isNamed) return { ...whole, expression: ranges.span({ first, last: last - 2 }) };
  const token = ranges.token(last);
  const before = ranges.token(last - 1);
  const endsOperand =
    before !== undefined &&
    (before.isName || [')', ']', 'END'].includes(before.word) || /^[\d']/.test(before.text));
  const isAlias = last > first && token?.isName === true && endsOperand;
  const expression = isAlias ? ranges.span({ first, last: last - 1 }) : whole;
  return { ...whole, expression };
}
