import { expect, test } from 'vitest';
import type { Layers } from '../../src/layers/layers.ts';
import { LayersWorld, never, type Row } from '../support/layers-world.ts';

const columns = { id: 'Int64', class_id: 'Int32', amount: 'Decimal(10, 2)', note: 'String' };
const order = (id: number): Row => ({ id, class_id: 1, amount: 10, note: 'n' });

const models = {
  'dwd.wide': 'SELECT id, amount\nFROM shop.orders',
  'dws.sums': 'SELECT sum(amount) AS total, count() AS orders FROM dwd.wide',
  'dwd.notes': 'SELECT id, note FROM shop.orders',
  'dws.classes': 'SELECT note, count() AS orders FROM shop.orders WHERE class_id > 0 GROUP BY note',
};

async function openShop() {
  const world = await LayersWorld.open({ 'shop.orders': { columns, key: ['id'] } }, models);
  await world.write('shop.orders', [order(1), order(2)]);
  const layers = await world.openLayers();
  await layers.apply(never);
  await world.refresh(layers);
  return { world, layers, [Symbol.asyncDispose]: () => world[Symbol.asyncDispose]() };
}

function errorsOf(layers: Layers) {
  const broken = layers.status().filter(({ error }) => error !== undefined);
  return Object.fromEntries(broken.map(({ name, error, errorCode }) => [name, [errorCode, error]]));
}

const seen = 'Seen after binlog file 0, byte \\d+ of the source.';

test('a dropped column stops its readers with its name, and an edited model goes on', async () => {
  await using shop = await openShop();
  const { world, layers } = shop;
  const { amount: _, ...left } = columns;
  await world.alterTable('shop.orders', left, 'DROP COLUMN amount');
  await world.write('shop.orders', [{ id: 3, class_id: 1, note: 'n' }]);
  await world.refresh(layers);
  const gone = 'shop.orders has no column amount \\(Decimal\\(10, 2\\)\\) any more.';
  const remedy = 'Correct layers/dwd/wide.sql:1:12, then run `cdc layers apply --yes`.';
  expect(errorsOf(layers)).toEqual({
    'dwd.wide': [
      'CDC_LAYERS_SOURCE_CHANGED',
      expect.stringMatching(`^dwd.wide stays at its last good cut: ${gone} ${seen} ${remedy}$`),
    ],
    'dws.sums': [undefined, 'A model that it reads has stopped.'],
  });
  expect(await world.engine.rows('SELECT id FROM dwd.wide')).toHaveLength(2);
  expect(await world.engine.rows('SELECT id FROM dwd.notes')).toHaveLength(3);
  const before = errorsOf(layers);
  const restarted = await world.openLayers();
  expect(errorsOf(restarted)).toEqual(before);
  await world.write('shop.orders', [{ id: 4, class_id: 1, note: 'n' }]);
  await world.refresh(restarted);
  expect(errorsOf(restarted)).toEqual(before);
  await world.writeModel('dwd.wide', 'SELECT id, 0 AS amount\nFROM shop.orders');
  await restarted.apply(never);
  await world.refresh(restarted);
  expect(errorsOf(restarted)).toEqual({});
  expect(await world.engine.rows('SELECT orders FROM dws.sums')).toEqual([{ orders: '4' }]);
  expect(await world.differences(restarted)).toEqual([]);
});

test('a renamed column is named with what may be its new name', async () => {
  await using shop = await openShop();
  const { world, layers } = shop;
  const { amount, ...left } = columns;
  const renamed = { ...left, price: amount };
  await world.alterTable('shop.orders', renamed, 'RENAME COLUMN amount TO price');
  await world.refresh(layers);
  expect(errorsOf(layers)['dwd.wide']?.[1]).toContain(
    'shop.orders has no column amount (Decimal(10, 2)) any more; price is new there and may be its new name.',
  );
});

test('a column of another type stops its readers, and applying builds them anew', async () => {
  await using shop = await openShop();
  const { world, layers } = shop;
  const wider = { ...columns, amount: 'Decimal(12, 2)' };
  await world.alterTable('shop.orders', wider, 'MODIFY COLUMN amount Decimal(12, 2)');
  await world.write('shop.orders', [order(3)]);
  await world.refresh(layers);
  expect(errorsOf(layers)).toEqual({
    'dwd.wide': [
      'CDC_LAYERS_SOURCE_CHANGED',
      expect.stringMatching(
        `shop.orders.amount was Decimal\\(10, 2\\) and is Decimal\\(12, 2\\) now. ${seen} If that is right, run`,
      ),
    ],
    'dws.sums': [undefined, expect.stringContaining('has stopped')],
  });
  await layers.apply(never);
  await world.refresh(layers);
  expect(errorsOf(layers)).toEqual({});
  expect(await world.differences(layers)).toEqual([]);
});

test('what changes nothing that is stored disturbs nobody: unread columns, and wider types in conditions', async () => {
  await using shop = await openShop();
  const { world, layers } = shop;
  const builds = () => layers.status().map(({ rebuilds }) => rebuilds);
  const before = builds();
  const wider = { ...columns, class_id: 'Nullable(Int64)' };
  await world.alterTable('shop.orders', wider, 'MODIFY COLUMN class_id Nullable(Int64)');
  await world.write('shop.orders', [order(3)]);
  await world.refresh(layers);
  const added = { ...wider, extra: 'String' };
  await world.alterTable('shop.orders', added, 'ADD COLUMN extra String');
  await world.write('shop.orders', [{ ...order(4), extra: 'e' }]);
  await world.refresh(layers);
  expect(errorsOf(layers)).toEqual({});
  expect(await world.differences(layers)).toEqual([]);
  expect(builds()).toEqual(before);
  const restarted = await world.openLayers();
  await world.refresh(restarted);
  expect(errorsOf(restarted)).toEqual({});
});

test('a narrower type stops even a model that stores nothing of it', async () => {
  await using shop = await openShop();
  const { world, layers } = shop;
  const narrower = { ...columns, class_id: 'Int16' };
  await world.alterTable('shop.orders', narrower, 'MODIFY COLUMN class_id Int16');
  await world.refresh(layers);
  expect(errorsOf(layers)).toEqual({
    'dws.classes': [
      'CDC_LAYERS_SOURCE_CHANGED',
      expect.stringContaining('shop.orders.class_id was Int32 and is Int16 now.'),
    ],
  });
});
