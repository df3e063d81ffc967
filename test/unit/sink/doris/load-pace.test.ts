import { expect, test } from 'vitest';
import { LoadPace } from '../../../../src/sink/doris/load-pace.ts';

test('loads become rarer while the store has too many versions, and dense again after that', () => {
  let now = 0;
  const pace = new LoadPace(() => now);
  expect(pace.waitMs('shop.orders')).toBe(0);
  const waits = [1, 2, 3, 4, 5, 6].map(() => {
    pace.refused('shop.orders');
    return pace.waitMs('shop.orders');
  });
  expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 20_000]);
  expect(pace.waitMs('shop.others')).toBe(0);
  now += 15_000;
  expect(pace.waitMs('shop.orders')).toBe(5_000);
  now += 5_000;
  pace.succeeded('shop.orders');
  expect(pace.waitMs('shop.orders')).toBe(16_000);
  for (let load = 0; load < 20; load++) pace.succeeded('shop.orders');
  expect(pace.waitMs('shop.orders')).toBe(0);
});
