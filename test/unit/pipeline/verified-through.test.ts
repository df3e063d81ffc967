import { expect, test } from 'vitest';
import { MemoryCatalog } from '../../../src/catalog/memory-catalog.ts';
import {
  noteVerified,
  type VerifyOutcome,
  verifiedThrough,
  verifyFailures,
} from '../../../src/pipeline/verified-through.ts';

function outcome(position: string, differences: number): VerifyOutcome {
  const keys = Array.from({ length: differences }, (_, key) => String(key));
  return { name: 'shop.orders', position, at: `at ${position}`, rows: 9, differences, keys };
}

test('the mark of a table moves only when nothing differed, and what did is kept after a repair', async () => {
  const catalog = new MemoryCatalog();
  await noteVerified(catalog, [outcome('b.1:100', 0)]);
  await noteVerified(catalog, [outcome('b.1:200', 30)]);
  const mark = { name: 'shop.orders', position: 'b.1:100', at: 'at b.1:100', rows: 9 };
  expect(verifiedThrough(catalog)).toEqual([mark]);
  await noteVerified(catalog, [outcome('b.1:300', 0)]);
  expect(verifiedThrough(catalog)).toMatchObject([{ position: 'b.1:300' }]);
  const [failure] = verifyFailures(catalog);
  expect(failure).toMatchObject({ position: 'b.1:200', differences: 30 });
  expect(failure?.keys).toHaveLength(20);
});

test('the newest 20 findings of verify are kept', async () => {
  const catalog = new MemoryCatalog();
  for (let place = 1; place <= 25; place++)
    await noteVerified(catalog, [outcome(`b.1:${place}`, 1)]);
  const places = verifyFailures(catalog).map(({ position }) => position);
  expect(places).toHaveLength(20);
  expect([places[0], places.at(-1)]).toEqual(['b.1:6', 'b.1:25']);
});
