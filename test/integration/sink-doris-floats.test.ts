import { afterAll, beforeAll, expect, test } from 'vitest';
import { floatText } from '../../src/sink/doris/float-text.ts';
import { parseExpression } from '../support/doris-double/sql-expression.ts';
import { Tokens } from '../support/doris-double/sql-tokens.ts';
import { Random } from '../support/random.ts';
import { openTestEngine, type TestEngine } from '../support/test-engine.ts';

let engine: TestEngine;
beforeAll(async () => {
  engine = await openTestEngine();
}, 60_000);
afterAll(() => engine[Symbol.asyncDispose]());

/** Mantissa and exponent as the bits have them. */
function exactText(value: number): string {
  if (value === 0) return '0';
  const bits = new DataView(new ArrayBuffer(8));
  bits.setFloat64(0, value);
  const word = bits.getBigUint64(0);
  const field = Number((word >> 52n) & 0x7ffn);
  let mantissa = word & ((1n << 52n) - 1n);
  let exponent = Math.max(field, 1) - 1023;
  if (field > 0) mantissa |= 1n << 52n;
  for (; mantissa < 1n << 52n; exponent--) mantissa <<= 1n;
  return `${value < 0 ? '-' : ''}${mantissa}p${exponent}`;
}

test('a float has the same text in the engine and in the store, whatever its size', async () => {
  const random = new Random(5);
  const anything = new DataView(new ArrayBuffer(8));
  const values = Array.from({ length: 2000 }, () => {
    for (let byte = 0; byte < 8; byte++) anything.setUint8(byte, random.between(0, 255));
    return anything.getFloat64(0);
  }).filter(Number.isFinite);
  for (let exponent = -1074; exponent <= 1023; exponent++) {
    values.push(2 ** exponent, -(2 ** exponent) * (1 + 2 ** -52), 2 ** exponent * (2 - 2 ** -52));
  }
  values.push(0, Number.MAX_VALUE, -Number.MAX_VALUE, Number.MIN_VALUE);
  const known = values.filter(Number.isFinite);
  const store = parseExpression(new Tokens(floatText.store('`v`')));
  const bits = known.map((value) => {
    anything.setFloat64(0, value);
    return `reinterpretAsFloat64(toUInt64(${anything.getBigUint64(0)}))`;
  });
  for (let from = 0; from < known.length; from += 1000) {
    const part = bits.slice(from, from + 1000).join(', ');
    const rows = await engine.engine.rows<{ text: string }>(
      `SELECT ${floatText.engine('v')} AS text FROM (SELECT arrayJoin([${part}]) AS v)`,
    );
    const expected = known.slice(from, from + 1000).map(exactText);
    expect(rows.map(({ text }) => text)).toEqual(expected);
  }
  const stored = known.map((value) => store.evaluate(new Map([['v', value]]), []));
  expect(stored).toEqual(known.map(exactText));
}, 120_000);
