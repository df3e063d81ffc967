import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Layers } from '../../src/layers/layers.ts';
import { layersOptions } from '../../src/layers/options.ts';
import { publishedModels } from '../../src/layers/published-models.ts';
import { LayersWorld, never, type WorldTable } from '../support/layers-world.ts';

const tables: Readonly<Record<string, WorldTable>> = {
  'shop.orders': {
    columns: { id: 'Int64', class_id: 'Nullable(Int64)', amount: 'Decimal(10, 2)', note: 'String' },
    key: ['id'],
  },
  'shop.classes': { columns: { id: 'Int64', title: 'String' }, key: ['id'] },
};
const wide = `-- key: id
SELECT o.id, o.amount, c.title FROM shop.orders o LEFT JOIN shop.classes c ON c.id = o.class_id`;
const sums = 'SELECT title, sum(amount) AS amount FROM dwd.wide GROUP BY title';
const order = (id: number, class_id: number | null, amount: number) => {
  return { id, class_id, amount, note: '' };
};

// One engine a process: each test opens its own world and closes it before the next.
async function openShop(
  models: Readonly<Record<string, string>> = { 'dwd.wide': wide, 'dws.sums': sums },
) {
  const world = await LayersWorld.open(tables, models);
  await world.write('shop.orders', [order(1, 1, 10), order(2, 1, 20), order(3, null, 5)]);
  await world.write('shop.classes', [{ id: 1, title: 'maths' }]);
  const layers = await world.openLayers();
  const close = () => world[Symbol.asyncDispose]();
  return { world, layers, [Symbol.asyncDispose]: close };
}

async function problemsOf(layers: Layers): Promise<string[]> {
  const { problems } = await layers.plan();
  return problems.map(({ where, message, severity }) => `${severity} ${where} ${message}`);
}

describe('plan and apply', () => {
  test('models are added, kept, changed and removed; spelling is no change', async () => {
    await using shop = await openShop();
    const { world, layers } = shop;
    const changes = async () => {
      const { models } = await layers.plan();
      return Object.fromEntries(models.map(({ name, change }) => [name, change]));
    };
    expect(await changes()).toEqual({ 'dwd.wide': 'added', 'dws.sums': 'added' });
    expect(
      await world.engine.rows("SELECT name FROM system.databases WHERE name = '_layers'"),
    ).toEqual([]);
    await layers.apply(never);
    expect(await world.engine.rows('SELECT * FROM dws.sums ORDER BY amount')).toEqual([
      { title: null, amount: '5.00' },
      { title: 'maths', amount: '30.00' },
    ]);
    expect(await changes()).toEqual({ 'dwd.wide': 'unchanged', 'dws.sums': 'unchanged' });

    await world.writeModel(
      'dwd.wide',
      `-- key: id\n-- owner: me\n${wide.slice(10).toLowerCase()} -- same`,
    );
    expect(await changes()).toEqual({ 'dwd.wide': 'unchanged', 'dws.sums': 'unchanged' });

    await world.writeModel('dwd.wide', `${wide} WHERE o.amount < 20`);
    const plan = await layers.plan();
    expect(await changes()).toEqual({ 'dwd.wide': 'changed', 'dws.sums': 'changed' });
    expect(plan.models[0]?.ddl.join()).toContain('CREATE TABLE _layers.`dwd.wide@');
    await layers.apply(never);
    expect(await world.engine.rows("SELECT amount FROM dws.sums WHERE title = 'maths'")).toEqual([
      { amount: '10.00' },
    ]);

    await world.removeModel('dws.sums');
    expect(await changes()).toEqual({ 'dwd.wide': 'unchanged', 'dws.sums': 'removed' });
    await layers.apply(never);
    // Nothing is kept for a rollback.
    const last = await world.openLayers({ options: layersOptions.parse({ keepVersions: 0 }) });
    await world.writeModel('dwd.wide', wide);
    await last.apply(never);
    const left = await world.engine.rows(
      "SELECT name FROM system.tables WHERE database = '_layers' AND name LIKE 'dws%'",
    );
    expect(left).toEqual([]);
    expect(layers.status().map(({ name }) => name)).toEqual(['dwd.wide']);
  });

  test('settings of the header are those of the tables, also after a rebuild', async () => {
    const files = { 'dwd.wide': `-- settings: index_granularity = 64\n${wide}`, 'dws.sums': sums };
    await using shop = await openShop(files);
    const { world, layers } = shop;
    await layers.apply(never);
    const granularity = async () => {
      const rows = await world.engine.rows<{ name: string; found: string }>(
        `SELECT name, extract(create_table_query, 'index_granularity = (\\\\d+)') AS found
         FROM system.tables WHERE database = '_layers' AND match(name, '@\\\\d+$')`,
      );
      return Object.fromEntries(rows.map(({ name, found }) => [name.split('@')[0], found]));
    };
    expect(await granularity()).toEqual({ 'dwd.wide': '64', 'dws.sums': '256' });
    const options = layersOptions.parse({ rebuildShare: 0, rebuildFromKeys: 1 });
    const eager = await world.openLayers({ options });
    await world.refresh(eager);
    await world.write('shop.classes', [{ id: 1, title: 'physics' }]);
    const { models } = await world.refresh(eager);
    expect(models[0]).toMatchObject({ name: 'dwd.wide', strategy: 'rebuild' });
    expect(await granularity()).toEqual({ 'dwd.wide': '64', 'dws.sums': '256' });
    expect(await world.differences(eager)).toEqual([]);

    await world.writeModel('dwd.wide', `-- settings: index_granularity = 128\n${wide}`);
    const plan = await eager.plan();
    expect(plan.models[0]).toMatchObject({ change: 'changed', what: 'settings' });
    await world.writeModel('dwd.wide', `-- settings: index_granulrity = 128\n${wide}`);
    expect(await problemsOf(eager)).toEqual([
      'error layers/dwd/wide.sql:1:14 The engine has no setting index_granulrity for its tables. Did you mean index_granularity?',
    ]);
  });

  test('a reader that comes later makes its input keep a durable delta', async () => {
    await using shop = await openShop({ 'dwd.wide': wide });
    const { world, layers } = shop;
    await layers.apply(never);
    await world.writeModel('dws.sums', sums);
    await layers.apply(never);
    await world.write('shop.classes', [{ id: 1, title: 'physics' }]);
    await world.refresh(layers);
    expect(await world.differences(layers)).toEqual([]);
    const sql = "SELECT engine FROM system.tables WHERE name = 'dwd.wide@1#delta'";
    expect(await world.engine.rows(sql)).toEqual([{ engine: 'MergeTree' }]);
  });

  test('a model waits for the snapshot of its tables', async () => {
    await using shop = await openShop();
    const { world } = shop;
    let ready = new Map([...world.schemas()].filter(([table]) => table === 'shop.orders'));
    const layers = await world.openLayers({ tables: () => ready });
    expect(await problemsOf(layers)).toEqual([
      'warning layers/dwd/wide.sql:1:1 dwd.wide waits for the snapshot of shop.classes.',
    ]);
    await layers.apply(never);
    expect(layers.status()).toEqual([]);
    ready = world.schemas();
    await layers.apply(never);
    expect(layers.status()).toHaveLength(2);
  });

  test.each([
    {
      name: 'an unknown column',
      sql: 'SELECT o.id,\n  o.amout FROM shop.orders o',
      problem:
        'error layers/dwd/bad.sql:2:3 o (shop.orders) has no column amout. Did you mean o.amount?',
    },
    {
      name: 'an unknown table',
      sql: 'SELECT id FROM shop.order',
      problem:
        'error layers/dwd/bad.sql:1:16 There is no captured table shop.order. Did you mean shop.orders?',
    },
    {
      name: 'an unknown model',
      sql: 'SELECT id FROM dwd.wid',
      problem: 'error layers/dwd/bad.sql:1:16 There is no model dwd.wid. Did you mean dwd.wide?',
    },
    {
      name: 'a declared key that is no output',
      sql: '-- key: idd\nSELECT id FROM shop.orders',
      problem:
        'error layers/dwd/bad.sql:1:9 The declared key column idd is not among the outputs. Did you mean id?',
    },
    {
      name: 'two outputs of one name',
      sql: 'SELECT id, amount AS id FROM shop.orders',
      problem:
        'error layers/dwd/bad.sql:1:12 Two output columns are called id. Give one another name.',
    },
    {
      name: 'a reading of the clock',
      sql: 'SELECT id, now() AS t FROM shop.orders',
      problem: expect.stringMatching(/^error layers\/dwd\/bad.sql:1:12 now changes with the clock/),
    },
  ])('$name is a problem with its place, and nothing is built', async ({ sql, problem }) => {
    await using shop = await openShop({ 'dwd.wide': wide, 'dwd.bad': sql });
    expect(await problemsOf(shop.layers)).toEqual([problem]);
    await expect(shop.layers.apply(never)).rejects.toMatchObject({ code: 'CDC_LAYERS_INVALID' });
    expect(shop.layers.status()).toEqual([]);
  });

  test('a broken text is refused with the place of the mistake', async () => {
    await using shop = await openShop({ 'dwd.bad': 'SELECT id\nFROM shop.orders WHERE (' });
    const [problem] = (await shop.layers.plan()).problems;
    expect(problem).toMatchObject({
      severity: 'error',
      where: 'layers/dwd/bad.sql:2:24',
      message: 'The ( here is never closed.',
    });
  });

  test('a declared key that is not unique is refused by the data', async () => {
    await using shop = await openShop({
      'dwd.bad': '-- key: class_id\nSELECT id, class_id FROM shop.orders',
    });
    await shop.world.write('shop.orders', [order(4, 1, 1)]);
    await expect(shop.layers.apply(never)).rejects.toThrow(
      'layers/dwd/bad.sql:1:9 The declared key (class_id) is not unique: 4 rows have 2 different keys.',
    );
  });
});

describe('refresh', () => {
  test('writes only what differs, and readers of an unchanged result do nothing', async () => {
    await using shop = await openShop();
    const { world, layers } = shop;
    await layers.apply(never);
    await world.refresh(layers);
    await world.write('shop.orders', [{ ...order(1, 1, 10), note: 'nobody reads this' }]);
    const quiet = await world.refresh(layers);
    expect(quiet.models).toMatchObject([
      { name: 'dwd.wide', keysRecomputed: 1, rowsWritten: 0 },
      { name: 'dws.sums', strategy: 'none' },
    ]);
    await world.write('shop.orders', [order(9, 7, 1)]);
    await world.write('shop.classes', [{ id: 7, title: 'late' }]);
    const loud = await world.refresh(layers);
    // One order, and one row of the stage of classes, which has just the columns that are read.
    expect(loud.models).toMatchObject([
      { name: 'dwd.wide', keysRecomputed: 2, rowsWritten: 1 },
      { name: 'dws.sums', keysRecomputed: 1, rowsWritten: 1 },
    ]);
    expect(layers.status()).toMatchObject([
      { name: 'dwd.wide', rows: 4, rebuilds: 1 },
      { name: 'dws.sums', rows: 3, rebuilds: 1 },
    ]);
  });

  test('an engine started anew on the way does not pass for one that had nothing to do', async () => {
    await using shop = await openShop();
    const { world, layers } = shop;
    await layers.apply(never);
    await world.refresh(layers);
    await world.write('shop.orders', [order(9, 1, 100)]);
    world.engine.beforeStatement = (sql) => {
      if (!sql.startsWith('INSERT INTO _layers.`dwd.wide@1#delta`')) return;
      world.engine.beforeStatement = undefined;
      world.engine.forget(['_layers.`#attempt`', '_layers.`dwd.wide@1#keys`']);
    };
    await expect(world.refresh(layers)).rejects.toMatchObject({
      code: 'CDC_ENGINE_UNREACHABLE',
      kind: 'transient',
    });
    await world.refresh(layers);
    expect(await layers.verify(never)).toMatchObject([{ differences: 0 }, { differences: 0 }]);
    expect(await world.engine.rows('SELECT amount FROM dwd.wide WHERE id = 9')).toEqual([
      { amount: '100.00' },
    ]);
  });

  test('a dropped column stops the models that read it and no other', async () => {
    await using shop = await openShop({
      'dwd.wide': wide,
      'dws.sums': sums,
      'dwd.notes': 'SELECT id, note FROM shop.orders',
    });
    const { world, layers } = shop;
    await layers.apply(never);
    const columns = { id: 'Int64', class_id: 'Nullable(Int64)', note: 'String' };
    await world.alterTable('shop.orders', columns, 'DROP COLUMN amount');
    await world.write('shop.orders', [{ id: 1, class_id: 1, note: 'still here' }]);
    await world.refresh(layers);
    const status = Object.fromEntries(layers.status().map(({ name, error }) => [name, error]));
    expect(status).toEqual({
      'dwd.wide': expect.stringMatching(/no column amount .* Correct layers\/dwd\/wide.sql:2:14,/),
      'dws.sums': expect.stringContaining('has stopped'),
      'dwd.notes': undefined,
    });
    expect(await world.engine.rows('SELECT note FROM dwd.notes WHERE id = 1')).toEqual([
      { note: 'still here' },
    ]);
    // The next start of the tool must not fail because of it, and the state must still be known.
    const reopened = await world.openLayers();
    await reopened.apply(never);
    expect(reopened.status().filter(({ error }) => error !== undefined)).toHaveLength(2);
    expect((await reopened.verify(never)).filter(({ error }) => error !== undefined)).toHaveLength(
      2,
    );

    await world.writeModel(
      'dwd.wide',
      'SELECT o.id, 1 AS amount, o.note AS title FROM shop.orders o',
    );
    await reopened.apply(never);
    expect(await world.differences(reopened)).toEqual([]);
    expect(reopened.status().filter(({ error }) => error !== undefined)).toEqual([]);
  });

  test('a table read again rebuilds its readers, direct and indirect', async () => {
    await using shop = await openShop();
    const { world, layers } = shop;
    await layers.apply(never);
    await world.engine.command('TRUNCATE TABLE _ods.`shop.orders`');
    await world.write('shop.orders', [order(7, 1, 70)]);
    await layers.rebuild(new Set(['shop.orders']), never);
    expect(await world.differences(layers)).toEqual([]);
    expect(layers.status()).toMatchObject([
      { rows: 1, rebuilds: 2 },
      { rows: 1, rebuilds: 2 },
    ]);
  });
});

test('a join that asks for a value in place of a row that is not there finds it', async () => {
  await using shop = await openShop({
    'dwd.wide': `SELECT o.id, c.title FROM shop.orders AS o
LEFT JOIN shop.classes AS b ON b.id = o.class_id
INNER JOIN shop.classes AS c ON c.id = ifNull(b.id, 1)`,
  });
  const { world } = shop;
  const layers = await world.openLayers({ options: layersOptions.parse({ smallTableRows: 0 }) });
  await layers.apply(never);
  await world.refresh(layers);
  await world.write('shop.orders', [order(9, 99, 1)]);
  await world.refresh(layers);
  expect(await world.differences(layers)).toEqual([]);
  await world.write('shop.classes', [{ id: 1, title: 'physics' }]);
  await world.refresh(layers);
  expect(await world.differences(layers)).toEqual([]);
  const rows = await world.engine.rows('SELECT title FROM dwd.wide WHERE id = 9');
  expect(rows).toEqual([{ title: 'physics' }]);
});

test('models over a table that is being read again stand still, and are rebuilt when it is there', async () => {
  await using shop = await openShop();
  const { world, layers: before } = shop;
  await before.apply(never);
  await world.refresh(before);
  let ready = new Map([...world.schemas()].filter(([table]) => table === 'shop.orders'));
  const layers = await world.openLayers({ tables: () => ready });
  await layers.apply(never, { isAsked: false });
  await world.write('shop.orders', [order(9, 1, 7)]);
  const { models } = await world.refresh(layers);
  expect(models).toEqual([]);
  ready = world.schemas();
  await layers.rebuild(new Set(['shop.classes']), never);
  expect(await world.differences(layers)).toEqual([]);
  expect(layers.status()).toMatchObject([{ rebuilds: 2 }, { rebuilds: 2 }]);
});

/** The table that a model's rows are in now. */
function rowsOf({ catalog }: LayersWorld, model: string): string {
  return publishedModels(catalog).find(({ name }) => name === model)?.physical ?? '';
}

describe('verify', () => {
  let shop: Awaited<ReturnType<typeof openShop>>;
  beforeAll(async () => {
    shop = await openShop();
    await shop.layers.apply(never);
  });
  afterAll(() => shop[Symbol.asyncDispose]());

  test.each([
    { name: 'a changed value', set: "2, 99.99, 'maths', 1", deleted: 0 },
    { name: 'a missing row', set: '3, 5, NULL, NULL', deleted: 1 },
    { name: 'a row too many', set: "4, 1, 'ghost', 1", deleted: 0 },
  ])('finds and names $name', async ({ set, deleted }) => {
    const { world, layers } = shop;
    await world.engine.command(
      `INSERT INTO ${rowsOf(world, 'dwd.wide')} VALUES (${set}, 1000000, ${deleted})`,
    );
    const [difference] = await layers.verify(never);
    expect(difference).toMatchObject({ name: 'dwd.wide', layer: 'dwd', differences: 1 });
    expect(difference?.keys).toEqual([JSON.stringify({ id: set.slice(0, 1) })]);
    await layers.rebuild(new Set(['shop.orders']), never);
    expect(await world.differences(layers)).toEqual([]);
  });
});
