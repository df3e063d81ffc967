import type { Span } from './sql-text.ts';
import { type TokenRange, type TokenRanges, UnsupportedSql } from './token-ranges.ts';

/** A window function with its window. */
export interface WindowUse {
  readonly name: string;
  /** From the name of the function to the end of OVER. */
  readonly span: Span;
  readonly partition: readonly Span[];
  readonly order: readonly Span[];
  /** The window counts rows, so rows of equal order are told apart. */
  readonly countsRows: boolean;
}

interface WindowText extends Pick<WindowUse, 'partition' | 'order' | 'countsRows'> {}

/** All `f(...) OVER ...` of a SELECT without subqueries; `clause` holds the named windows. */
export function readWindows(ranges: TokenRanges, clause: TokenRange | undefined): WindowUse[] {
  const named = new Map<string, WindowText>();
  for (const part of clause ? ranges.split(clause, ',') : []) {
    const name = ranges.token(part.first)?.text ?? '';
    const body = { first: part.first + 3, last: part.last - 1 };
    if (ranges.word(part.first + 1) !== 'AS')
      throw new UnsupportedSql('a window is not understood');
    named.set(name, readWindow(body, ranges));
  }
  const uses: WindowUse[] = [];
  for (let index = 0; index < ranges.length; index += 1) {
    if (ranges.word(index) !== 'OVER' || ranges.word(index - 1) === '.') continue;
    const first = startOfCall(index - 1, ranges);
    const name = ranges.token(first)?.text ?? '';
    const isNamed = ranges.word(index + 1) !== '(';
    const last = isNamed ? index + 1 : ranges.closing(index + 1);
    const window = isNamed
      ? named.get(ranges.token(index + 1)?.text ?? '')
      : readWindow({ first: index + 2, last: last - 1 }, ranges);
    if (window === undefined) throw new UnsupportedSql('a window is not understood');
    uses.push({ name, span: ranges.span({ first, last }), ...window });
  }
  return uses;
}

/** Index of the function's name; `at` is where the call ends. */
function startOfCall(at: number, ranges: TokenRanges): number {
  let index = at;
  // f(...) IGNORE NULLS, f(...) FILTER (WHERE ...), f(parameters)(arguments)
  while (['NULLS', 'IGNORE', 'RESPECT'].includes(ranges.word(index))) index -= 1;
  while (ranges.word(index) === ')') {
    index = ranges.opening(index) - 1;
    if (ranges.word(index) === 'FILTER') index -= 1;
  }
  if (index < 0 || index === at) throw new UnsupportedSql('a window is not understood');
  return index;
}

function readWindow({ first, last }: TokenRange, ranges: TokenRanges): WindowText {
  if (last < first) return { partition: [], order: [], countsRows: false };
  const depth = ranges.depth(first);
  let partition = -1;
  let order = -1;
  let frame = last + 1;
  for (let index = last; index >= first; index -= 1) {
    if (ranges.depth(index) !== depth) continue;
    const word = ranges.word(index);
    if (['ROWS', 'RANGE', 'GROUPS'].includes(word)) frame = index;
    if (ranges.word(index + 1) !== 'BY') continue;
    if (word === 'ORDER') order = index;
    if (word === 'PARTITION') partition = index;
  }
  const starts = [partition, order, frame].filter((index) => index >= 0);
  if (Math.min(...starts) !== first) throw new UnsupportedSql('a window extends another one');
  const list = (start: number, end: number) =>
    start < 0 ? [] : ranges.split({ first: start + 2, last: end - 1 }, ',');
  const orders = list(order, frame).map((part) => {
    let end = part.last;
    for (let index = part.first + 1; index <= part.last; index += 1) {
      if (ranges.depth(index) !== depth || !/^(ASC|DESC|NULLS|COLLATE)$/.test(ranges.word(index)))
        continue;
      end = index - 1;
      break;
    }
    return ranges.span({ first: part.first, last: end });
  });
  return {
    partition: list(partition, order < 0 ? frame : order).map((part) => ranges.span(part)),
    order: orders,
    countsRows: ranges.word(frame) === 'ROWS',
  };
}
