import type { ParsedSql } from './sql-parser.ts';
import type { TokenRange } from './token-ranges.ts';

/** Places in a statement that a message of the engine may be about, in the order of the text. */

/** `name` or `alias.name` as it stands there, not as a part of a longer name and not as a call. */
export function nameUses({ tokens }: ParsedSql, parts: readonly string[]): TokenRange[] {
  const span = 2 * parts.length - 2;
  return tokens.flatMap((_, first) => {
    const last = first + span;
    const isHere = parts.every((part, step) => {
      const token = tokens[first + 2 * step];
      const isName = part === '*' || token?.isQuoted || token?.word !== '';
      return isName && token?.text === part;
    });
    const isPart = tokens[first - 1]?.word === '.';
    const isAlias = tokens[first - 1]?.word === 'AS';
    const isCall = tokens[last + 1]?.word === '(';
    return isHere && !isPart && !isAlias && !isCall ? [{ first, last }] : [];
  });
}

/** A column named in USING. */
export function usingUses({ tokens }: ParsedSql, name: string): TokenRange[] {
  let isOpen = false;
  return tokens.flatMap(({ word, text }, at) => {
    if (word === 'USING') isOpen = true;
    else if (isOpen && tokens[at - 1]?.word !== 'USING' && [')', 'JOIN'].includes(word)) {
      isOpen = false;
    }
    return isOpen && text === name ? [{ first: at, last: at }] : [];
  });
}

/** `name(...)` with everything up to its closing parenthesis, parameters of an aggregate included. */
export function calls({ tokens }: ParsedSql, name: string): TokenRange[] {
  return tokens.flatMap(({ text, isQuoted }, first) => {
    const isNamed = !isQuoted && text.toLowerCase() === name.toLowerCase();
    if (!isNamed || tokens[first + 1]?.word !== '(') return [];
    let depth = 0;
    let last = first;
    for (let at = first + 1; at < tokens.length; at += 1) {
      if (tokens[at]?.word === '(') depth += 1;
      if (tokens[at]?.word === ')') depth -= 1;
      last = at;
      if (depth === 0 && tokens[at + 1]?.word !== '(') break;
    }
    return [{ first, last }];
  });
}

/** Tokens of one of these spellings. */
export function words({ tokens }: ParsedSql, spellings: readonly string[]): TokenRange[] {
  return tokens.flatMap(({ word }, at) => {
    return spellings.includes(word) ? [{ first: at, last: at }] : [];
  });
}

/** Text and number literals of this value. */
export function literals({ tokens }: ParsedSql, value: string): TokenRange[] {
  return tokens.flatMap(({ text, isName }, at) => {
    return !isName && text === value ? [{ first: at, last: at }] : [];
  });
}

/** How the engine's names of operators are written. */
export const operatorSpellings: Readonly<Record<string, readonly string[]>> = {
  plus: ['+'],
  minus: ['-'],
  multiply: ['*'],
  divide: ['/'],
  modulo: ['%'],
  equals: ['=', '=='],
  notEquals: ['!=', '<>'],
  less: ['<'],
  greater: ['>'],
  lessOrEquals: ['<='],
  greaterOrEquals: ['>='],
  and: ['AND'],
  or: ['OR'],
  not: ['NOT'],
  concat: ['||'],
  like: ['LIKE'],
  ilike: ['ILIKE'],
  in: ['IN'],
  if: ['IF', '?'],
  multiIf: ['CASE'],
  caseWithExpression: ['CASE'],
};
