import { nearestName } from '../../lib/nearest-name.ts';
import type { ParsedSql, SqlToken } from '../text/sql-parser.ts';

/** What comes before the user's own text in the statement that `readSyntaxError` is about. */
export const syntaxProbe = 'EXPLAIN AST ';

/** Where the engine's parser gave up, in words; `message` is its answer to `syntaxProbe` and the text. */
export function readSyntaxError(
  message: string,
  { sql, tokens }: ParsedSql,
): { offset: number; message: string } {
  const [, position = '1'] = /failed at position (\d+)/.exec(message) ?? [];
  const offset = offsetOfByte(sql, Number(position) - 1 - syntaxProbe.length);
  const index = tokens.findIndex(({ end }) => end > offset);
  const token = tokens[index];
  if (/quoted string is not closed/.test(message)) {
    return { offset, message: 'The quotation mark here is never closed.' };
  }
  const [, unmatched] = /Unmatched parentheses: (\S)/.exec(message) ?? [];
  if (unmatched !== undefined) {
    const isOpening = '([{'.includes(unmatched);
    const text = isOpening
      ? `The ${unmatched} here is never closed.`
      : `Nothing opens this ${unmatched}.`;
    return { offset, message: text };
  }
  for (const [suspect, at] of [
    [token, index],
    [tokens[index - 1], index - 1],
  ] as const) {
    const keyword = misspelled(suspect, tokens[at - 1]);
    if (suspect === undefined || keyword === undefined) continue;
    return {
      offset: suspect.start,
      message: `${suspect.text} is not understood here. Did you mean ${keyword}?`,
    };
  }
  const what =
    token === undefined
      ? 'The statement ends too early'
      : `${sql.slice(token.start, token.end)} is not expected here`;
  return {
    offset: token?.start ?? endOf(tokens),
    message: `${what}${expected(message, index < 0 ? undefined : tokens[index - 1])}.`,
  };
}

function offsetOfByte(sql: string, byte: number): number {
  return Buffer.from(sql, 'utf8').subarray(0, Math.max(0, byte)).toString('utf8').length;
}

function endOf(tokens: readonly SqlToken[]): number {
  return tokens.at(-1)?.end ?? 0;
}

const keywords =
  'SELECT FROM WHERE GROUP ORDER BY HAVING LEFT INNER JOIN USING UNION DISTINCT WITH LIMIT WINDOW PARTITION OVER BETWEEN CASE WHEN THEN ELSE END'.split(
    ' ',
  );

/** A name where only a keyword makes sense; names after `.` and AS are names. */
function misspelled(token: SqlToken | undefined, before: SqlToken | undefined): string | undefined {
  if (!token?.isName || token.isQuoted || token.text.length < 3) return undefined;
  if (before?.word === '.' || before?.word === 'AS') return undefined;
  return nearestName(token.text, keywords);
}

/** The few things the parser would have taken; a long list helps nobody. */
function expected(message: string, before: SqlToken | undefined): string {
  const [, list = ''] = /Expected one of: (.*?)\. \(/s.exec(message) ?? [];
  const words = list.split(', ').filter((word) => !['', 'token', 'end of query'].includes(word));
  if (words.some((word) => word.startsWith('expression'))) return '; an expression is missing';
  if (words.length > 0 && words.length <= 4) return `; ${words.join(' or ')} is`;
  return before === undefined ? '' : ` after ${before.text}`;
}
