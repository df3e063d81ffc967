import { expect, test } from 'vitest';
import { readAhead } from '../../../src/lib/read-ahead.ts';

function counting(upTo: number, failAt?: number) {
  const made: number[] = [];
  const state = { made, isEnded: false };
  const source = (async function* () {
    try {
      for (let value = 1; value <= upTo; value++) {
        made.push(value);
        if (value === failAt) throw new Error(`no ${value}`);
        yield value;
      }
    } finally {
      state.isEnded = true;
    }
  })();
  return { state, source };
}

test('values come in order, and one more is made than was asked for', async () => {
  const { state, source } = counting(4);
  const seen: [number, number][] = [];
  for await (const value of readAhead(source)) {
    await new Promise(setImmediate);
    seen.push([value, state.made.length]);
  }
  expect(seen).toEqual([
    [1, 2],
    [2, 3],
    [3, 4],
    [4, 4],
  ]);
});

test('a failure comes after the values before it', async () => {
  const { source } = counting(5, 3);
  const seen: number[] = [];
  const reading = async () => {
    for await (const value of readAhead(source)) seen.push(value);
  };
  await expect(reading()).rejects.toThrow('no 3');
  expect(seen).toEqual([1, 2]);
});

test('leaving early ends the source, and a failure ahead is nobody’s', async () => {
  const { state, source } = counting(5, 2);
  for await (const value of readAhead(source)) {
    expect(value).toBe(1);
    break;
  }
  expect(state.isEnded).toBe(true);
});
