import { createHash } from 'node:crypto';
import { DorisError } from './doris-cluster.ts';
import type { Tokens } from './sql-tokens.ts';

/** Integers are bigints, FLOAT and DOUBLE numbers, everything with digits behind a point a text. */
export type SqlValue = bigint | number | string | boolean | null;
export type Scope = ReadonlyMap<string, SqlValue>;

export interface Expression {
  /** `group`: the rows an aggregate function goes over. */
  readonly evaluate: (row: Scope, group: readonly Scope[]) => SqlValue;
  readonly isAggregate: boolean;
}

type Evaluate = Expression['evaluate'];

/** The expressions the sink writes and no others: what the double does not know it refuses. */
export function parseExpression(tokens: Tokens): Expression {
  let isAggregate = false;

  const or = (): Evaluate => {
    let left = and();
    while (tokens.takeIf('OR')) {
      const [first, second] = [left, and()];
      left = (row, group) => first(row, group) === true || second(row, group) === true;
    }
    return left;
  };
  const and = (): Evaluate => {
    let left = not();
    while (tokens.takeIf('AND')) {
      const [first, second] = [left, not()];
      left = (row, group) => first(row, group) === true && second(row, group) === true;
    }
    return left;
  };
  const not = (): Evaluate => {
    if (!tokens.takeIf('NOT')) return comparison();
    const inner = not();
    return (row, group) => {
      const value = inner(row, group);
      return value === null ? null : !isTrue(value);
    };
  };
  const comparison = (): Evaluate => {
    const left = sum();
    if (tokens.takeIf('IS')) {
      const negated = tokens.takeIf('NOT');
      tokens.expect('NULL');
      return (row, group) => (left(row, group) === null) !== negated;
    }
    if (tokens.takeIf('IN')) {
      const choices = tokens.list(sum);
      return (row, group) => {
        const value = left(row, group);
        return choices.some((choice) => compare(value, choice(row, group)) === 0);
      };
    }
    for (const [symbol, holds] of comparisons) {
      if (!tokens.takeIf(symbol)) continue;
      const right = sum();
      return (row, group) => {
        const order = compare(left(row, group), right(row, group));
        return order === null ? null : holds(order);
      };
    }
    return left;
  };
  const sum = (): Evaluate => {
    let left = product();
    for (;;) {
      const sign = tokens.takeIf('+') ? 1 : tokens.takeIf('-') ? -1 : 0;
      if (sign === 0) return left;
      const [first, second] = [left, product()];
      left = numeric(first, second, (a, b) => a + sign * b);
    }
  };
  const product = (): Evaluate => {
    let left = unary();
    for (;;) {
      const isProduct = tokens.takeIf('*');
      if (!isProduct && !tokens.takeIf('/')) return left;
      const [first, second] = [left, unary()];
      left = numeric(first, second, (a, b) => (isProduct ? a * b : a / b));
    }
  };
  const unary = (): Evaluate => {
    if (!tokens.takeIf('-')) return primary();
    const inner = unary();
    return numeric(
      inner,
      () => 0n,
      (value) => -value,
    );
  };
  const primary = (): Evaluate => {
    if (tokens.takeIf('(')) {
      const inner = or();
      tokens.expect(')');
      return inner;
    }
    if (tokens.takeIf('CASE')) return caseWhen();
    if (tokens.takeIf('NULL')) return () => null;
    const token = tokens.take();
    if (token.kind === 'text') return () => token.text;
    if (token.kind === 'number') {
      const value = /^\d+$/.test(token.text) ? BigInt(token.text) : Number(token.text);
      return () => value;
    }
    if (token.kind === 'word' && tokens.takeIf('(')) return call(token.text.toUpperCase());
    if (token.kind === 'name' || token.kind === 'word') return column(token.text);
    return tokens.fail('an expression');
  };
  const caseWhen = (): Evaluate => {
    const branches: { condition: Evaluate; value: Evaluate }[] = [];
    while (tokens.takeIf('WHEN')) {
      const condition = or();
      tokens.expect('THEN');
      branches.push({ condition, value: or() });
    }
    const otherwise = tokens.takeIf('ELSE') ? or() : () => null;
    tokens.expect('END');
    return (row, group) => {
      const branch = branches.find(({ condition }) => isTrue(condition(row, group)));
      return (branch?.value ?? otherwise)(row, group);
    };
  };
  const call = (name: string): Evaluate => {
    if (name === 'CAST') {
      const value = or();
      tokens.expect('AS');
      const type = tokens.name().toUpperCase();
      tokens.expect(')');
      return (row, group) => cast(value(row, group), type);
    }
    if (name === 'COUNT' && tokens.takeIf('*', ')')) {
      isAggregate = true;
      return (_, group) => BigInt(group.length);
    }
    const given: Evaluate[] = [];
    if (!tokens.takeIf(')')) {
      do given.push(or());
      while (tokens.takeIf(','));
      tokens.expect(')');
    }
    const [first = () => null] = given;
    const aggregate = aggregates[name];
    if (aggregate !== undefined) {
      isAggregate = true;
      return (_, group) =>
        aggregate(group.map((row) => first(row, [])).filter((value) => value !== null));
    }
    const scalar = functions[name];
    if (scalar === undefined) throw new DorisError(`Can not found function '${name}'`);
    return (row, group) => scalar(given.map((each) => each(row, group)));
  };

  const evaluate = or();
  return { evaluate, isAggregate };
}

const comparisons: readonly (readonly [string, (order: number) => boolean])[] = [
  ['=', (order) => order === 0],
  ['!=', (order) => order !== 0],
  ['<>', (order) => order !== 0],
  ['<=', (order) => order <= 0],
  ['>=', (order) => order >= 0],
  ['<', (order) => order < 0],
  ['>', (order) => order > 0],
];

function column(name: string): Evaluate {
  return (row) => {
    const value = row.get(name.toLowerCase());
    if (value !== undefined) return value;
    throw new DorisError(`Unknown column '${name}' in 'table list'`, { errno: 1054 });
  };
}

export function isTrue(value: SqlValue): boolean {
  return value === true || (typeof value !== 'string' && Number(value) !== 0);
}

function compare(left: SqlValue, right: SqlValue): number | null {
  if (left === null || right === null) return null;
  if (typeof left === 'string' && typeof right === 'string') {
    return Buffer.compare(Buffer.from(left), Buffer.from(right));
  }
  if (typeof left === 'bigint' && typeof right === 'bigint')
    return left < right ? -1 : Number(left > right);
  return Number(left) < Number(right) ? -1 : Number(Number(left) > Number(right));
}

/** Of integers the result is an integer, except of a division. */
function numeric(
  left: Evaluate,
  right: Evaluate,
  action: (a: number, b: number) => number,
): Evaluate {
  return (row, group) => {
    const [a, b] = [left(row, group), right(row, group)];
    if (a === null || b === null) return null;
    const value = action(Number(a), Number(b));
    const integers = typeof a === 'bigint' && typeof b === 'bigint';
    return integers && Number.isSafeInteger(value) ? BigInt(value) : value;
  };
}

function cast(value: SqlValue, type: string): SqlValue {
  if (value === null) return null;
  if (type === 'STRING' || type === 'VARCHAR') {
    if (typeof value === 'number')
      throw new DorisError('the text of a double depends on the version');
    if (typeof value === 'boolean')
      throw new DorisError('the text of a boolean depends on the version');
    return String(value);
  }
  if (type === 'DOUBLE') return Number(value);
  if (typeof value === 'number') return BigInt(Math.trunc(value));
  return BigInt(value);
}

const aggregates: Readonly<Record<string, (values: readonly SqlValue[]) => SqlValue>> = {
  COUNT: (values) => BigInt(values.length),
  SUM: (values) =>
    values.length === 0
      ? null
      : values.reduce<bigint>((sum, each) => sum + BigInt(each as bigint), 0n),
  MAX: (values) => values.reduce((a, b) => ((compare(a, b) ?? -1) < 0 ? b : a), null),
  MIN: (values) => values.reduce((a, b) => ((compare(a, b) ?? 1) > 0 ? b : a), null),
};

const functions: Readonly<Record<string, (given: readonly SqlValue[]) => SqlValue>> = {
  IFNULL: ([value = null, other = null]) => value ?? other,
  IF: ([condition = null, yes = null, no = null]) => (isTrue(condition) ? yes : no),
  CONCAT: (given) => (given.includes(null) ? null : given.map(String).join('')),
  MD5: ([value = null]) =>
    value === null ? null : createHash('md5').update(String(value)).digest('hex'),
  SUBSTRING: ([value = null, from = 1n, length = null]) => {
    if (value === null) return null;
    const start = Number(from) - 1;
    return String(value).slice(start, length === null ? undefined : start + Number(length));
  },
  CONV: ([value = null, from = 10n, to = 10n]) => {
    if (value === null) return null;
    if (from !== 16n || to !== 10n) throw new DorisError('conv of other bases');
    return BigInt.asUintN(64, BigInt(`0x${value}`)).toString();
  },
  ABS: ([value = null]) => (value === null ? null : Math.abs(Number(value))),
  FLOOR: ([value = null]) => (value === null ? null : BigInt(Math.floor(Number(value)))),
  DATE_FORMAT: ([value = null, format = null]) => {
    if (format !== '%Y-%m-%d %H:%i:%s.%f') throw new DorisError('date_format of another form');
    const [seconds, fraction = ''] = String(value).split('.');
    return value === null ? null : `${seconds}.${fraction.padEnd(6, '0')}`;
  },
  LOG2: ([value = null]) =>
    value === null || Number(value) <= 0 ? null : Math.log2(Number(value)),
  LEAST: (given) => (given.includes(null) ? null : BigInt(Math.min(...given.map(Number)))),
  POW: ([base = null, power = null]) =>
    base === null || power === null ? null : Number(base) ** Number(power),
  VERSION: () => '5.7.99',
};
