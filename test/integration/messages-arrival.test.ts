import { expect, test } from 'vitest';
import { LayersWorld, never } from '../support/layers-world.ts';

test('models see what arrived since the last cut, whatever versions it has', async () => {
  const columns = { id: 'Int64', city: 'String', amount: 'Int64' };
  await using world = await LayersWorld.open(
    {
      'shop.orders': { columns, key: ['id'], arrival: true },
      'shop.visits': { columns, key: ['id'] },
    },
    {
      'dwd.both': `-- key: id
        SELECT o.id, o.city, o.amount, v.amount AS visits
        FROM shop.orders o LEFT JOIN shop.visits v ON v.id = o.id`,
      'dws.cities':
        'SELECT city, sum(amount) AS amount, count() AS orders FROM dwd.both GROUP BY city',
    },
  );
  const order = (id: number, city: string, amount: number) => ({ id, city, amount });
  await world.write('shop.orders', [order(1, 'Wuhan', 10), order(2, 'Xian', 20)]);
  await world.write('shop.visits', [order(1, '', 7)]);
  const layers = await world.openLayers();
  await layers.apply(never);
  await world.refresh(layers);
  await world.write('shop.orders', [order(3, 'Wuhan', 5)], [order(2, 'Xian', 20)]);
  const { models } = await world.refresh(layers);
  expect(models[0]).toMatchObject({ name: 'dwd.both', strategy: 'keys', keysRecomputed: 2 });
  expect(await world.engine.rows('SELECT * FROM dws.cities ORDER BY city')).toEqual([
    { city: 'Wuhan', amount: '15', orders: '2' },
  ]);
  expect(await world.differences(layers)).toEqual([]);
  const [found] = await world.engine.rows<{ names: string }>(
    "SELECT arrayStringConcat(groupArray(name), ',') AS names FROM system.columns " +
      "WHERE database = 'dwd' AND table = 'both'",
  );
  expect(found).toEqual({ names: 'id,city,amount,visits' });
});
