import { nearestName } from '../../lib/nearest-name.ts';
import type { ParsedSql } from '../text/sql-parser.ts';
import { calls, literals, operatorSpellings, words } from '../text/sql-suspects.ts';
import type { TokenRange } from '../text/token-ranges.ts';
import type { Finding, FindingContext, Rule } from './engine-finding.ts';

/** Refusals that are about types and arguments of functions. */
export const typeRules: readonly Rule[] = [
  [
    /JOIN cannot infer common type.*Left key '(.+?)' type (.+?)\. Right key '(.+?)' type (.+?)\. \(/s,
    (groups, context) => unequalJoin(groups, context),
  ],
  [
    /no supertype for types (.+) because .*while executing function (\w+) on arguments (.*)/s,
    ([types = '', name = '', given = ''], context) => unlike(types, name, given, context),
  ],
  [
    /Cannot convert string '(.*?)' to type (.+?)(?:: while|\. \()/s,
    ([value = '', type = ''], context) => unreadable(value, type, context),
  ],
  [
    /: while converting '(.*?)' to ([\w()]+)/,
    ([value = '', type = ''], context) => unreadable(value, type, context),
  ],
  [
    /Invalid type for filter in (\w+): (.+?)\. In query/,
    ([clause = '', type = ''], { parsed }) => {
      const message = `The condition of ${clause} is a ${type}, not true or false. Compare it with something.`;
      return { suspects: words(parsed, [clause]), harmless: clause, message: () => message };
    },
  ],
  [
    /Different number of columns in (\w+) elements: (.*?)\. \(/s,
    ([operation = '', lists = ''], { parsed }) => {
      const parts = lists.split(' and ').map((list) => `(${list})`);
      const word = operation.split('_')[0] ?? '';
      const message = `The parts of ${word} have different numbers of columns: ${parts.join(' and ')}.`;
      return { suspects: words(parsed, [word]), harmless: word, message: () => message };
    },
  ],
  [
    /Unknown data type family: (\w+)/,
    ([name = ''], { parsed, offered }) => {
      const near = nearestName(name, offered) ?? offered[0];
      const message = `There is no type ${name}.${near ? ` Did you mean ${near}?` : ''}`;
      return {
        suspects: words(parsed, [name.toUpperCase()]),
        harmless: 'String',
        message: () => message,
      };
    },
  ],
  [
    /number of arguments was specified for function '(\w+)'\. Expected (.+?), got (.+?)(?::|\. \()/s,
    ([name = '', wanted = '', got = ''], context) => {
      return ofFunction(name, `${name} takes ${wanted}, and gets ${got} here.`, context);
    },
  ],
  [
    /[Nn]umber of arguments for function (\w+) doesn't match: passed (\d+), should be (.+?)(?::|\. \()/s,
    ([name = '', got = '', wanted = ''], context) => {
      return ofFunction(name, `${name} takes ${wanted} arguments, and gets ${got} here.`, context);
    },
  ],
  [
    /Aggregate function (\w+) requires (.+?)\.? \(/,
    ([name = '', wanted = ''], context) => {
      return ofFunction(name, `${name} takes ${wanted.replace('single', 'one')}.`, context);
    },
  ],
  [
    /Illegal types (.+?) and (.+?) of arguments of function (\w+)/,
    ([left = '', right = '', name = ''], context) => {
      const message = `${written(name, context)} does not take ${left} and ${right}. Convert one of them.`;
      return ofFunction(name, message, context);
    },
  ],
  [
    /Illegal type (.+?) of last argument for aggregate function with (\w+) suffix/,
    ([type = '', suffix = ''], { parsed }) => {
      const message = `The last argument of an aggregate with -${suffix} must be a condition, and here it is a ${type}.`;
      return { suspects: suffixed(parsed, suffix), harmless: 'NULL', message: () => message };
    },
  ],
  [
    /Illegal type (\(.+?\)|.+?) of (.*?)argument (?:\(condition\) )?(?:for|of) (?:aggregate )?function (\w+)(?:, expected (.+?): In scope|\. (?:Should|Must) be (.+?)(?::|\. \())?/,
    ([type = '', which = '', name = '', expected = '', should = ''], context) => {
      const wanted = expected || should;
      const place = /^\d+ $/.test(which) ? `argument ${which.trim()}` : `${which}argument`;
      const as = which === '' ? '' : ` as its ${place}`;
      const message = `${written(name, context)} does not take ${type.replace(/^\((.*)\)$/, '$1')}${as}.`;
      return ofFunction(name, wanted ? `${message} It takes ${wanted}.` : message, context);
    },
  ],
  [
    /Positional argument number (\d+) is out of bounds. Expected in range \[1, (\d+)\]/,
    ([number = '', most = ''], { parsed }) => {
      const message = `There is no output number ${number}: the SELECT has ${most}.`;
      const places = positions(parsed, number);
      return { suspects: places, harmless: '1', message: () => message };
    },
  ],
  [
    /illegal type was provided as (\w+) argument '.*?' to function '(\w+)'\. Expected: (.+?), got: (.+?)(?:: In scope|\. \()/,
    ([which = '', name = '', wanted = '', type = ''], context) => {
      const message = `${name} does not take ${type} as its ${which} argument. It takes: ${wanted}.`;
      return ofFunction(name, message, context);
    },
  ],
];

function unequalJoin(
  [left = '', leftType = '', right = '', rightType = '']: readonly string[],
  context: FindingContext,
): Finding {
  const [first, second] = [columnName(left), columnName(right)];
  const message = `The join compares ${first} (${leftType}) with ${second} (${rightType}). Convert one of them, for example toString(${leftType === 'String' ? second : first}).`;
  const near = besideNames(words(context.parsed, ['=', '==']), [first, second], context);
  return { suspects: near, harmless: '<>', message: () => message };
}

/** `status = 5`: two things of which neither becomes the other's type. */
function unlike(types: string, name: string, given: string, context: FindingContext): Finding {
  const spellings = operatorSpellings[name] ?? [];
  const operands = [...given.matchAll(/(?:^|\), )(?:__table\d+\.(\w+)|'(.*?)'_\w+|([\d.]+)_\w+)/g)];
  const names = operands.map((match) => match[1] ?? match[2] ?? match[3] ?? '');
  const shownTypes = types.split(/, (?![^(]*\))/);
  const pairs = names.map((operand, index) => `${operand} (${shownTypes[index] ?? ''})`);
  const what = pairs.length === 2 ? pairs.join(' and ') : shownTypes.join(' and ');
  const message = `${what} cannot be compared with ${written(name, context)}. Convert one of them.`;
  const all = spellings.length > 0 ? words(context.parsed, spellings) : calls(context.parsed, name);
  return { suspects: besideNames(all, names, context), harmless: 'AND', message: () => message };
}

function unreadable(value: string, type: string, { parsed }: FindingContext): Finding {
  const message = `'${value}' cannot be read as ${type}.`;
  return { suspects: literals(parsed, value), harmless: 'NULL', message: () => message };
}

function ofFunction(name: string, message: string, { parsed }: FindingContext): Finding {
  const own = calls(parsed, name);
  if (own.length > 0) return { suspects: own, harmless: 'NULL', message: () => message };
  const spellings = operatorSpellings[name] ?? [];
  return { suspects: words(parsed, spellings), harmless: 'AND', message: () => message };
}

/** Those operators with one of the operands right beside them, if there are such. */
function besideNames(
  operators: readonly TokenRange[],
  names: readonly string[],
  { parsed }: FindingContext,
): readonly TokenRange[] {
  const scores = operators.map(({ first, last }) => {
    const around = parsed.tokens.slice(Math.max(0, first - 3), last + 4).map(({ text }) => text);
    return names.filter((name) => around.includes(name)).length;
  });
  const best = Math.max(0, ...scores);
  return operators.filter((_, index) => scores[index] === best);
}

function columnName(identifier: string): string {
  return identifier.replace(/^__table\d+\./, '');
}

/** As the statement has it: the operator, unless the function is called by name. */
function written(name: string, { parsed }: FindingContext): string {
  return calls(parsed, name).length > 0 ? name : (operatorSpellings[name]?.[0] ?? name);
}

function suffixed(parsed: ParsedSql, suffix: string): TokenRange[] {
  const names = parsed.tokens.filter(({ text, isName }) => isName && text.endsWith(suffix));
  return [...new Set(names.map(({ text }) => text))].flatMap((name) => calls(parsed, name));
}

/** A number by itself in GROUP BY or ORDER BY. */
function positions(parsed: ParsedSql, number: string): TokenRange[] {
  const word = (at: number) => parsed.tokens[at]?.word ?? '';
  const by = parsed.tokens.findIndex(({ word }) => word === 'BY');
  return literals(parsed, number).filter(({ first }) => {
    return first > by && ['BY', ','].includes(word(first - 1));
  });
}
