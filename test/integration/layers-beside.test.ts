import { expect, test } from 'vitest';
import { CdcError } from '../../src/errors.ts';
import type { Layers } from '../../src/layers/layers.ts';
import { layersOptions } from '../../src/layers/options.ts';
import { SchoolTraffic, schoolModels, schoolTables } from '../support/layers-school.ts';
import { LayersWorld, never, type WorldTable } from '../support/layers-world.ts';
import { Random } from '../support/random.ts';
import { waitUntil } from '../support/wait-until.ts';

const tables: Readonly<Record<string, WorldTable>> = {
  'shop.orders': {
    columns: { id: 'Int64', class_id: 'Int64', amount: 'Decimal(10, 2)' },
    key: ['id'],
  },
  'shop.classes': { columns: { id: 'Int64', title: 'String' }, key: ['id'] },
};

const wide = `SELECT o.id, o.amount, c.title FROM shop.orders AS o
LEFT JOIN shop.classes AS c ON c.id = o.class_id`;
const sums = 'SELECT title, sum(amount) AS amount FROM dwd.wide GROUP BY title';
const counts = 'SELECT class_id, count() AS orders FROM shop.orders GROUP BY class_id';
const models = { 'dwd.wide': wide, 'dws.sums': sums, 'dws.counts': counts };

async function openShop(
  options: Partial<Parameters<typeof layersOptions.parse>[0] & object> = {},
  files: Readonly<Record<string, string>> = models,
) {
  const world = await LayersWorld.open(tables, files);
  await world.write('shop.classes', [
    { id: 1, title: 'maths' },
    { id: 2, title: 'music' },
  ]);
  const orders = Array.from({ length: 40 }, (_, id) => ({
    id,
    class_id: 1 + (id % 2),
    amount: 10,
  }));
  await world.write('shop.orders', orders);
  const layers = await world.openLayers({ options: layersOptions.parse(options) });
  await layers.apply(never);
  await world.refresh(layers, never, { isWhole: true });
  const close = async () => {
    await layers.idle();
    await world[Symbol.asyncDispose]();
  };
  return { world, layers, [Symbol.asyncDispose]: close };
}

/** Refreshes as a running pipeline does, until the layers have nothing to do any more. */
async function settle(world: LayersWorld, layers: Layers): Promise<void> {
  await waitUntil('the layers have nothing to do', async () => {
    if (layers.isDue()) await world.refresh(layers);
    return layers.status().every(({ at, error }) => at === undefined || error !== undefined);
  });
}

const amountOf = (world: LayersWorld, title: string) =>
  world.engine.rows<{ amount: string }>(`SELECT amount FROM dws.sums WHERE title = '${title}'`);

test('a change of too many keys is worked on beside, and the other models keep their freshness', async () => {
  await using shop = await openShop({ deferKeys: 5 });
  const { world, layers } = shop;
  await world.write('shop.classes', [{ id: 1, title: 'physics' }]);
  await world.write('shop.orders', [{ id: 100, class_id: 2, amount: 10 }]);
  const { models: reports } = await world.refresh(layers);
  const strategies = Object.fromEntries(reports.map(({ name, strategy }) => [name, strategy]));
  expect(strategies).toEqual({
    'dwd.wide': 'deferred',
    'dws.sums': 'deferred',
    'dws.counts': 'keys',
  });
  expect(await world.engine.rows('SELECT orders FROM dws.counts WHERE class_id = 2')).toEqual([
    { orders: '21' },
  ]);
  expect(await amountOf(world, 'maths'), 'as of its cut').toEqual([{ amount: '200.00' }]);
  expect(layers.status().filter(({ isCatchingUp }) => isCatchingUp)).toHaveLength(2);

  await world.write('shop.orders', [{ id: 101, class_id: 1, amount: 7 }]);
  await settle(world, layers);
  expect(await amountOf(world, 'physics')).toEqual([{ amount: '207.00' }]);
  expect(await amountOf(world, 'maths')).toEqual([]);
  expect(await world.differences(layers)).toEqual([]);
});

test('a process that ends in the middle of work beside the refreshes leaves nothing undone or behind', async () => {
  await using shop = await openShop({ deferKeys: 5 });
  const { world, layers } = shop;
  await world.write('shop.classes', [{ id: 1, title: 'physics' }]);
  const stop = new AbortController();
  await world.refresh(layers, stop.signal);
  stop.abort();
  await layers.idle();
  const later = await world.openLayers({ options: layersOptions.parse({ deferKeys: 5 }) });
  await world.write('shop.orders', [{ id: 102, class_id: 1, amount: 1 }]);
  await world.refresh(later);
  await settle(world, later);
  expect(await world.differences(later)).toEqual([]);
  const last = await world.openLayers();
  await world.write('shop.orders', [{ id: 103, class_id: 1, amount: 1 }]);
  await world.refresh(last);
  const left = await world.engine.rows<{ name: string }>(
    "SELECT name FROM system.tables WHERE database = '_layers' AND match(name, '^[^#]+@\\\\d+$')",
  );
  expect(left).toHaveLength(3);
});

test('a new model over one that is behind comes to the cut with it', async () => {
  await using shop = await openShop({ deferKeys: 5 });
  const { world, layers } = shop;
  await world.write('shop.classes', [{ id: 1, title: 'physics' }]);
  await world.refresh(layers);
  await layers.idle();
  const later = await world.openLayers({ options: layersOptions.parse({ deferKeys: 5 }) });
  await world.writeModel('ads.titles', 'SELECT title, amount > 0 AS is_sold FROM dws.sums');
  await later.apply(never);
  await world.refresh(later, never, { isWhole: true });
  const titles = await world.engine.rows('SELECT title FROM ads.titles ORDER BY title');
  expect(titles).toEqual([{ title: 'music' }, { title: 'physics' }]);
  expect(await world.differences(later)).toEqual([]);
});

test('a model of minutes waits for its time, and comes to the cut when all must', async () => {
  const slow = { ...models, 'dws.sums': `-- freshness: 5 min\n${sums}` };
  await using shop = await openShop({}, slow);
  const { world, layers } = shop;
  await world.write('shop.orders', [{ id: 201, class_id: 1, amount: 1 }]);
  await world.refresh(layers);
  await world.write('shop.orders', [{ id: 202, class_id: 1, amount: 1 }]);
  await world.refresh(layers);
  expect(await amountOf(world, 'maths')).toEqual([{ amount: '200.00' }]);
  expect(
    layers
      .status()
      .filter(({ at }) => at !== undefined)
      .map(({ name }) => name),
  ).toEqual(['dws.sums']);
  await world.refresh(layers, never, { isWhole: true });
  expect(await amountOf(world, 'maths')).toEqual([{ amount: '202.00' }]);
  expect(await world.differences(layers)).toEqual([]);
});

test('new versions of models are built beside the old ones, which are kept right until the switch', async () => {
  await using shop = await openShop();
  const { world, layers } = shop;
  await world.writeModel('dwd.wide', `${wide} WHERE o.amount < 100`);
  const applied = layers.startApply();
  await world.write('shop.orders', [
    { id: 300, class_id: 1, amount: 5 },
    { id: 301, class_id: 1, amount: 500 },
  ]);
  await world.refresh(layers);
  expect(await amountOf(world, 'maths'), 'the old version').toEqual([{ amount: '705.00' }]);
  await world.write('shop.orders', [{ id: 302, class_id: 1, amount: 3 }]);
  await waitUntil('the job is done', () => layers.isDue());
  await world.refresh(layers);
  await applied;
  expect(await amountOf(world, 'maths'), 'the new version').toEqual([{ amount: '208.00' }]);
  expect(await world.differences(layers)).toEqual([]);
  expect(layers.history().at(-1)).toMatchObject({
    number: 2,
    models: [
      { name: 'dwd.wide', change: 'changed', what: 'filter', rows: 42 },
      { name: 'dws.sums', change: 'changed', what: 'something it reads' },
    ],
  });
});

test('what was asked for is built, though its work made way for models over a table that was read again', async () => {
  await using shop = await openShop();
  const { world, layers } = shop;
  await world.writeModel('dws.sums', `${sums} HAVING title != 'maths'`);
  const asked = layers.startApply();
  await world.write('shop.orders', [{ id: 100, class_id: 2, amount: 1 }]);
  await world.refresh(layers);
  await layers.rebuild(new Set(['shop.orders']), never);
  await settle(world, layers);
  await world.refresh(layers, never, { isWhole: true });
  await asked;
  const found = await world.engine.rows('SELECT title, amount FROM dws.sums');
  expect(found).toEqual([{ title: 'music', amount: '201.00' }]);
  expect(await world.differences(layers)).toEqual([]);
});

test('a table that comes while models are brought up waits for that work, and takes its place', async () => {
  await using shop = await openShop({ deferKeys: 5 });
  const { world, layers } = shop;
  await world.write('shop.classes', [{ id: 1, title: 'physics' }]);
  const statements: string[] = [];
  world.engine.beforeStatement = (sql) => statements.push(sql);
  await world.refresh(layers);
  await world.writeModel('ads.titles', 'SELECT title FROM dws.sums');
  await layers.apply(never, { isAsked: false });
  await layers.idle();
  world.engine.beforeStatement = undefined;
  const [copied = 'none'] = statements.flatMap(
    (sql) => /(`dwd\.wide@\d+`) CLONE/.exec(sql)?.[1] ?? [],
  );
  const built = statements.findIndex((sql) => sql.includes('`ads.titles@'));
  expect(statements.slice(0, built).join('\n'), 'the work that was going on').toContain(copied);
  expect(statements.slice(built).filter((sql) => sql.includes(copied))).toEqual([]);
  await settle(world, layers);
  const titles = await world.engine.rows('SELECT title FROM ads.titles ORDER BY title');
  expect(titles).toEqual([{ title: 'music' }, { title: 'physics' }]);
  expect(await world.differences(layers)).toEqual([]);
});

test('a build that fails changes nothing', async () => {
  await using shop = await openShop();
  const { world, layers } = shop;
  const tablesOf = () =>
    world.engine.rows(
      "SELECT name FROM system.tables WHERE database = '_layers' AND name LIKE '%@%' ORDER BY name",
    );
  await world.writeModel('dwd.wide', `${wide} WHERE o.amount < 100`);
  await world.writeModel('dws.bad', '-- key: class_id\nSELECT id, class_id FROM shop.orders');
  const before = await tablesOf();
  const applied = layers.startApply();
  const refused = expect(applied).rejects.toThrow('The declared key (class_id) is not unique');
  await world.refresh(layers);
  await waitUntil('the job is done', () => layers.isDue());
  await world.refresh(layers);
  await refused;
  expect(await tablesOf()).toEqual(before);
  expect(layers.history()).toHaveLength(1);
  expect(await world.differences(layers)).toEqual([]);
});

test('a rollback puts the old rows back at once and then brings them to the present', async () => {
  await using shop = await openShop();
  const { world, layers } = shop;
  await world.writeModel('dwd.wide', `${wide} WHERE o.amount > 100`);
  await world.writeModel('ads.extra', 'SELECT title FROM dws.sums');
  await layers.apply(never);
  expect(await amountOf(world, 'maths')).toEqual([]);
  await world.write('shop.orders', [{ id: 400, class_id: 1, amount: 1 }]);
  await world.refresh(layers);

  const rolledBack = layers.rollback(2);
  await world.refresh(layers);
  await rolledBack;
  const { amount } = (await amountOf(world, 'maths'))[0] ?? {};
  expect(['200.00', '201.00']).toContain(amount);
  await settle(world, layers);
  expect(await amountOf(world, 'maths')).toEqual([{ amount: '201.00' }]);
  expect(await world.differences(layers)).toEqual([]);
  const names = layers.status().map(({ name }) => name);
  expect(names.sort()).toEqual(['dwd.wide', 'dws.counts', 'dws.sums']);

  const later = await world.openLayers();
  await later.apply(never, { isAsked: false });
  expect(await amountOf(world, 'maths'), 'the files are left alone').toEqual([
    { amount: '201.00' },
  ]);
  await later.apply(never);
  expect(await amountOf(world, 'maths'), 'until they are asked for').toEqual([]);
  expect(later.history().map(({ kind }) => kind)).toEqual(['apply', 'apply', 'rollback', 'apply']);
});

test('a rollback to what there never was is refused with what there is', async () => {
  await using shop = await openShop();
  const { world, layers } = shop;
  const refused = expect(layers.rollback(7)).rejects.toMatchObject({
    code: 'CDC_USAGE',
    remedy: 'There are 1: see `cdc layers history`.',
  });
  await world.refresh(layers);
  await refused;
});

test('a model under another name keeps its tables', async () => {
  await using shop = await openShop();
  const { world, layers } = shop;
  await world.removeModel('dws.counts');
  await world.writeModel('dws.class_counts', counts);
  expect((await layers.plan()).models.find(({ change }) => change === 'renamed')).toMatchObject({
    name: 'dws.class_counts',
    what: 'was dws.counts',
    ddl: [],
  });
  await layers.apply(never);
  await world.write('shop.orders', [{ id: 500, class_id: 1, amount: 1 }]);
  await world.refresh(layers);
  expect(await world.engine.rows('SELECT orders FROM dws.class_counts WHERE class_id = 1')).toEqual(
    [{ orders: '21' }],
  );
  expect(await world.differences(layers)).toEqual([]);
});

test('models left for later and models of minutes equal their queries again, whatever happens meanwhile', async () => {
  const files = Object.fromEntries(
    Object.entries(schoolModels).map(([name, sql]) => [
      name,
      name.startsWith('dws') ? `-- freshness: 1 min\n${sql}` : sql,
    ]),
  );
  await using world = await LayersWorld.open(schoolTables, files);
  const random = new Random(20261122);
  const traffic = new SchoolTraffic(world, random);
  await traffic.fill(10);
  const options = layersOptions.parse({ deferKeys: 3, chunkKeys: 2, smallTableRows: 0 });
  let layers = await world.openLayers({ options });
  await layers.apply(never);
  let deferred = 0;
  let stop = new AbortController();
  for (let round = 1; round <= 12; round += 1) {
    await traffic.step(4);
    const { models: reports } = await world.refresh(layers, stop.signal);
    deferred += reports.filter(({ strategy }) => strategy === 'deferred').length;
    if (random.between(1, 4) === 1) {
      stop.abort();
      await layers.idle();
      stop = new AbortController();
      layers = await world.openLayers({ options });
    }
    if (round % 3 !== 0) continue;
    await world.refresh(layers, stop.signal, { isWhole: true });
    expect(await world.differences(layers), `round ${round}`).toEqual([]);
  }
  expect(deferred).toBeGreaterThan(10);
});

test('an error that is no refusal is no reason to give up: the work is begun again', async () => {
  await using shop = await openShop({ deferKeys: 5 });
  const { world, layers } = shop;
  let isBroken = true;
  world.engine.beforeStatement = (sql) => {
    if (!isBroken || !sql.includes('CLONE AS')) return;
    isBroken = false;
    throw new CdcError('CDC_ENGINE_UNREACHABLE', 'The test has killed the engine.');
  };
  await world.write('shop.classes', [{ id: 1, title: 'physics' }]);
  await world.refresh(layers);
  await waitUntil('the job has failed', () => layers.isDue());
  await world.refresh(layers);
  expect(isBroken).toBe(false);
  await settle(world, layers);
  expect(await world.differences(layers)).toEqual([]);
});
