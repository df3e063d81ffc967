import fc from 'fast-check';
import { expect, test } from 'vitest';
import { assignEvenly } from '../../../src/kafka/even-assignment.ts';

test.each([
  { name: 'one member gets all', members: { a: [] }, count: 3, expected: { a: [0, 1, 2] } },
  {
    name: 'a new member takes half, the rest stays',
    members: { a: [0, 1, 2, 3], b: [] },
    count: 4,
    expected: { a: [0, 1], b: [2, 3] },
  },
  {
    name: 'what a member that ended had goes to those with least',
    members: { a: [0, 1], c: [4] },
    count: 5,
    expected: { a: [0, 1, 3], c: [4, 2] },
  },
  {
    name: 'more members than items',
    members: { a: [], b: [0] },
    count: 1,
    expected: { a: [], b: [0] },
  },
  {
    name: 'an item that two say they have goes to one of them',
    members: { a: [0, 1], b: [0, 1] },
    count: 2,
    expected: { a: [0], b: [1] },
  },
])('$name', ({ members, count, expected }) => {
  const holders = Object.entries(members).map(([id, held]) => ({ id, held: held as number[] }));
  expect(Object.fromEntries(assignEvenly(holders, count))).toEqual(expected);
});

test('every item is given once, portions differ by one at most, and a second division changes nothing', () => {
  const holder = fc.record({
    id: fc.string({ minLength: 1, maxLength: 3 }),
    held: fc.uniqueArray(fc.nat(20), { maxLength: 6 }),
  });
  const holders = fc.uniqueArray(holder, { selector: ({ id }) => id, minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(holders, fc.integer({ min: 1, max: 20 }), (members, count) => {
      const assigned = assignEvenly(members, count);
      const items = [...assigned.values()].flat().sort((left, right) => left - right);
      expect(items).toEqual(Array.from({ length: count }, (_, item) => item));
      const sizes = [...assigned.values()].map(({ length }) => length);
      expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
      const again = assignEvenly(
        [...assigned].map(([id, held]) => ({ id, held })),
        count,
      );
      for (const [id, held] of assigned) {
        expect(new Set(again.get(id))).toEqual(new Set(held));
      }
    }),
  );
});
