import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CutMark, Explanation } from '../../src/layers/explain/explanation.ts';
import { openExplainer } from '../../src/layers/explain/open-explainer.ts';
import type { LayersCut } from '../../src/layers/layers.ts';
import { currentBuild } from '../../src/layers/published-models.ts';
import { DeltaHistory } from '../../src/layers/refresh/delta-history.ts';
import { pastCutKey, pastCutPrefix } from '../../src/layers/refresh/past-cuts.ts';
import { InProcessEngine } from '../support/layers-engine.ts';
import { LayersWorld, never, type WorldTable } from '../support/layers-world.ts';

const tables: Readonly<Record<string, WorldTable>> = {
  'shop.orders': {
    columns: { id: 'Int64', teacher_id: 'Int64', status: 'String', amount: 'Decimal(10, 2)' },
    key: ['id'],
  },
  'shop.teachers': { columns: { id: 'Int64', name: 'String', group_id: 'Int64' }, key: ['id'] },
  'shop.groups': { columns: { id: 'Int64', name: 'String' }, key: ['id'] },
};
const models = {
  'dwd.orders': `-- key: order_id
SELECT o.id AS order_id, o.amount, t.name AS teacher, g.name AS team FROM shop.orders o
LEFT JOIN shop.teachers t ON t.id = o.teacher_id LEFT JOIN shop.groups g ON g.id = t.group_id
WHERE o.status = 'paid'`,
  'dws.teams': `-- key: team
SELECT team, sum(amount) AS revenue, count() AS orders FROM dwd.orders GROUP BY team`,
  'dws.joined': `SELECT t.name AS teacher, sum(o.amount) AS revenue FROM shop.orders o
JOIN shop.teachers t ON t.id = o.teacher_id GROUP BY t.name`,
};
const order = (id: number, teacher_id: number, amount: number, status = 'paid') => {
  return { id, teacher_id, status, amount };
};

// Each test closes its world before the next one opens another in the same engine.
let engine: InProcessEngine;
beforeAll(async () => {
  engine = await InProcessEngine.open();
});
afterAll(() => engine[Symbol.asyncDispose]());

async function openShop(more: Readonly<Record<string, string>> = {}) {
  const world = await LayersWorld.open(tables, { ...models, ...more }, engine);
  const layers = await world.openLayers();
  const cuts: CutMark[] = [];
  const publish = () => {
    const version = world.nextVersion - 1n;
    const position = `binlog.000001:${version}`;
    const publishedAtMs = 1_000 * (cuts.length + 1);
    cuts.push({ build: currentBuild(world.catalog), version, position, publishedAtMs });
  };
  await world.write('shop.groups', [
    { id: 1, name: 'north' },
    { id: 2, name: 'south' },
  ]);
  await world.write('shop.teachers', [
    { id: 5, name: 'Ann', group_id: 1 },
    { id: 7, name: 'Bob', group_id: 2 },
  ]);
  await world.write('shop.orders', [order(1, 5, 100), order(2, 5, 50), order(3, 7, 30)]);
  await layers.apply(never);
  publish();
  const explain = async (
    model: string,
    key: Readonly<Record<string, string>>,
    since?: 'all' | CutMark,
    limit = 20,
  ): Promise<Explanation> => {
    const explainer = await openExplainer({
      engine,
      catalog: world.catalog,
      schemas: world.schemas(),
      cuts,
      placeOf: async (_table, version) => {
        const position = `binlog.000001:${version}`;
        return { version: String(version), position, origin: 'stream', committedAt: null };
      },
      limit,
      signal: never,
    });
    const parts = Object.entries(key).map(([column, value]) => ({ column, value }));
    return explainer.explain(model, parts, since);
  };
  return {
    world,
    layers,
    explain,
    cuts,
    refresh: async (more: Partial<LayersCut> = {}) => {
      await world.refresh(layers, never, more);
      publish();
    },
    [Symbol.asyncDispose]: () => world[Symbol.asyncDispose](),
  };
}

/** What happened at each step, in few words. */
function stepsOf({ history }: Explanation): string[] {
  return (history?.steps ?? []).map(({ kind, columns, causes, levels }) => {
    const changes = columns.map(({ column, from, to }) => `${column} ${from} -> ${to}`);
    const reasons = causes.map(({ table, key, kind: what, columns: changed, effect }) => {
      const rows = Object.entries(effect).filter(([, count]) => count > 0);
      const told = changed.map(({ column, from, to }) => `${column} ${from}>${to}`);
      return [table, ...Object.values(key), what, ...told, ...rows.flat()].join(' ');
    });
    // People do not see stages that only look rows up.
    const seen = levels.filter(({ kind, by }) => kind !== 'stage' || by !== 'key');
    const moved = seen.flatMap(({ rows }) =>
      rows.map((row) => `${Object.values(row.key)} ${row.kind}`),
    );
    return `${kind}: ${changes.join(', ')} | ${reasons.join('; ')} | ${moved.join(', ')}`;
  });
}

describe('rows behind a number', () => {
  test('are followed through a model and its joins down to the rows of the source', async () => {
    await using shop = await openShop();
    const { levels = [], values } = await shop.explain('dws.teams', { team: 'north' });
    expect(values).toEqual({ team: 'north', revenue: '150.00', orders: '2' });
    expect(levels.map(({ reader, name, total }) => [reader, name, total])).toEqual([
      ['dws.teams', 'dwd.orders', 2],
      ['dwd.orders', 'shop.orders', 2],
      ['dwd.orders', 'dwd.orders#1', 1],
      ['dwd.orders#1', 'shop.teachers', 1],
      ['dwd.orders', 'dwd.orders#2', 1],
      ['dwd.orders#2', 'shop.groups', 1],
    ]);
    expect(levels[0]?.rows[1]).toEqual({
      key: { order_id: '2' },
      values: { amount: '50.00', team: 'north' },
      into: [0],
    });
    expect(levels[2]?.rows).toMatchObject([{ key: { id: '5' }, into: [0, 1] }]);
    expect(levels[3]?.rows).toMatchObject([
      { key: { id: '5' }, into: [0], place: { position: 'binlog.000001:1003' } },
    ]);
  });

  test('are followed through the hidden rows of an aggregate over joins', async () => {
    await using shop = await openShop();
    const { levels = [] } = await shop.explain('dws.joined', { teacher: 'Ann' });
    expect(levels[0]).toMatchObject({ reader: 'dws.joined', kind: 'stage', total: 2 });
    const read = levels.filter(({ kind }) => kind === 'table');
    expect(read.map(({ name, total }) => [name, total])).toEqual([
      ['shop.orders', 2],
      ['shop.teachers', 1],
    ]);
  });

  test('are counted in full where only some of them are listed', async () => {
    await using shop = await openShop();
    const { levels = [] } = await shop.explain('dws.teams', { team: 'north' }, undefined, 1);
    expect(levels[0]).toMatchObject({ total: 2, rows: [{ key: { order_id: '1' } }] });
  });

  test('of a NULL group and of a text with quotes and bytes are found', async () => {
    await using shop = await openShop();
    const { world } = shop;
    await world.engine.command(
      "INSERT INTO _ods.`shop.groups` VALUES (3, unhex('ff276100'), 1008, 0)",
    );
    await world.write('shop.teachers', [{ id: 8, name: 'Cid', group_id: 3 }]);
    await world.write('shop.orders', [order(4, 8, 7), order(5, 99, 8)]);
    await shop.refresh();
    const none = await shop.explain('dws.teams', { team: 'NULL' });
    expect(none.levels?.[0]?.rows).toMatchObject([{ key: { order_id: '5' } }]);
    expect(none.levels?.[2]).toMatchObject({ name: 'dwd.orders#1', total: 0, rows: [] });
    const odd = await shop.explain('dws.teams', { revenue: '7' });
    expect(odd.key).toEqual({ team: '0xFF276100' });
    expect(odd.levels?.[0]?.rows).toMatchObject([{ key: { order_id: '4' } }]);
  });

  test('of a model that is computed as a whole are not made up', async () => {
    await using shop = await openShop({
      'ads.rollup': 'SELECT team, sum(revenue) AS revenue FROM dws.teams GROUP BY team WITH ROLLUP',
    });
    const { levels = [] } = await shop.explain('ads.rollup', { team: 'north' });
    expect(levels).toMatchObject([{ name: 'dws.teams', by: 'all', total: 2, rows: [] }]);
    await shop.world.write('shop.orders', [order(9, 7, 500)]);
    await shop.refresh();
    const past = await shop.explain('ads.rollup', { revenue: '530' }, 'all');
    expect(stepsOf(past)[0]).toContain('appeared: team null -> south, revenue null -> 530.00');
    expect(stepsOf(past)[0]).toContain('shop.orders 9');
  });
});

describe('why a number has changed', () => {
  test('is told for a fact, for a dimension two joins away and for a group that vanished', async () => {
    await using shop = await openShop();
    const { world } = shop;
    await world.write('shop.orders', [order(2, 5, 50, 'refunded')]);
    await shop.refresh();
    await world.write('shop.teachers', [{ id: 5, name: 'Ann', group_id: 2 }]);
    await shop.refresh();
    const north = await shop.explain('dws.teams', { team: 'north' }, 'all');
    expect(north).toMatchObject({ found: 'gone', goneAt: { position: 'binlog.000001:1009' } });
    expect(stepsOf(north)).toEqual([
      'changed: revenue 150.00 -> 100.00, orders 2 -> 1 | shop.orders 2 changed status paid>refunded left 1 | 2 left',
      'vanished: team north -> null, revenue 100.00 -> null, orders 1 -> null | shop.teachers 5 changed group_id 1>2 movedOut 1 | 1 movedOut',
    ]);
    const south = await shop.explain('dws.teams', { team: 'south' }, 'all');
    expect(stepsOf(south)).toEqual([
      'changed: revenue 30.00 -> 130.00, orders 1 -> 2 | shop.teachers 5 changed group_id 1>2 movedIn 1 | 1 movedIn',
    ]);
    expect(south.history?.steps[0]?.causes[0]?.place?.position).toBe('binlog.000001:1009');
    expect(stepsOf(await shop.explain('dws.teams', { team: 'south' }, shop.cuts[2]))).toEqual([]);
  });

  test('is told for a late dimension, a renamed one and a deleted fact', async () => {
    await using shop = await openShop();
    const { world } = shop;
    await world.write('shop.orders', [order(4, 8, 70)]);
    await shop.refresh();
    await world.write('shop.teachers', [{ id: 8, name: 'Cid', group_id: 1 }]);
    await shop.refresh();
    await world.write('shop.teachers', [{ id: 8, name: 'Dan', group_id: 1 }]);
    await shop.refresh();
    await world.write('shop.orders', [], [order(4, 8, 70)]);
    await shop.refresh();
    expect(stepsOf(await shop.explain('dws.teams', { team: 'NULL' }, 'all'))).toEqual([
      'appeared: revenue null -> 70.00, orders null -> 1 | shop.orders 4 written teacher_id null>8 status null>paid amount null>70.00 entered 1 | 4 entered',
      'vanished: revenue 70.00 -> null, orders 1 -> null | shop.teachers 8 written name null>Cid group_id null>1 movedOut 1 | 4 movedOut',
    ]);
    expect(stepsOf(await shop.explain('dwd.orders', { order_id: '4' }, 'all')).slice(1)).toEqual([
      'changed: teacher null -> Cid, team null -> north | shop.teachers 8 written name null>Cid group_id null>1 changed 1 | ',
      'changed: teacher Cid -> Dan | shop.teachers 8 changed name Cid>Dan changed 1 | ',
      'vanished: order_id 4 -> null, amount 70.00 -> null, teacher Dan -> null, team north -> null | shop.orders 4 deleted left 1 | ',
    ]);
    const joined = stepsOf(await shop.explain('dws.joined', { teacher: 'Dan' }, 'all'));
    expect(joined.map((step) => step.split(' | ').slice(0, 2))).toEqual([
      [
        'appeared: teacher null -> Dan, revenue null -> 70.00',
        'shop.teachers 8 changed name Cid>Dan movedIn 1',
      ],
      ['vanished: teacher Dan -> null, revenue 70.00 -> null', 'shop.orders 4 deleted left 1'],
    ]);
  });

  test('is told through unions, windows, sets, named queries and the one row of a whole table', async () => {
    await using shop = await openShop({
      'dwd.both': `SELECT 'o' AS what, id, amount FROM shop.orders
UNION ALL SELECT 't' AS what, id, toDecimal64(0, 2) AS amount FROM shop.teachers`,
      'dwd.best': `SELECT id, teacher_id, amount FROM (SELECT id, teacher_id, amount,
row_number() OVER (PARTITION BY teacher_id ORDER BY amount DESC, id) AS n FROM shop.orders) WHERE n = 1`,
      'dwd.north': `SELECT id, amount FROM shop.orders
WHERE teacher_id IN (SELECT id FROM shop.teachers WHERE group_id = 1)`,
      'dws.total': 'SELECT sum(amount) AS amount FROM shop.orders',
      'dws.groups': `WITH x AS (SELECT teacher_id, sum(amount) AS amount FROM shop.orders GROUP BY teacher_id)
SELECT t.group_id AS g, max(x.amount) AS best FROM x JOIN shop.teachers t ON t.id = x.teacher_id GROUP BY t.group_id`,
    });
    await shop.world.write('shop.orders', [order(1, 5, 101)]);
    await shop.refresh();
    await shop.world.write('shop.teachers', [{ id: 7, name: 'Bob', group_id: 1 }]);
    await shop.refresh();
    const story = async (model: string, key: Readonly<Record<string, string>>) => {
      const steps = stepsOf(await shop.explain(model, key, 'all'));
      return steps.map((step) => step.split(' | ').slice(0, 2).join(' | '));
    };
    const raised = 'shop.orders 1 changed amount 100.00>101.00 changed 1';
    expect(await story('dwd.both', { what: 'o', id: '1' })).toEqual([
      `changed: amount 100.00 -> 101.00 | ${raised}`,
    ]);
    expect(await story('dwd.best', { teacher_id: '5' })).toEqual([
      `changed: amount 100.00 -> 101.00 | ${raised}`,
    ]);
    expect(await story('dws.total', {})).toEqual([`changed: amount 180.00 -> 181.00 | ${raised}`]);
    expect(await story('dws.groups', { g: '1' })).toEqual([
      `changed: best 150.00 -> 151.00 | ${raised}`,
    ]);
    const [entered] = await story('dwd.north', { id: '3' });
    expect(entered).toContain('appeared: id null -> 3, amount null -> 30.00 | shop.teachers 7');
    const { levels = [] } = await shop.explain('dws.total', {});
    expect(levels[0]).toMatchObject({ by: 'group', total: 3, rows: [{}, {}, {}] });
    const ofSet = await shop.explain('dwd.north', { id: '3' });
    expect(ofSet.levels?.at(-1)).toMatchObject({ name: 'shop.teachers', by: 'all', total: 2 });
  });

  test('is told for all cuts together that a model of minutes shows at once', async () => {
    await using shop = await openShop({
      'dws.slow':
        '-- freshness: 5 min\nSELECT team, sum(revenue) AS revenue FROM dws.teams GROUP BY team',
    });
    await shop.refresh();
    await shop.world.write('shop.orders', [order(1, 5, 101)]);
    await shop.refresh();
    await shop.world.write('shop.orders', [order(2, 5, 52)]);
    await shop.refresh({ isWhole: true });
    const steps = stepsOf(await shop.explain('dws.slow', { team: 'north' }, 'all'));
    expect(steps).toHaveLength(1);
    expect(steps[0]).toContain('changed: revenue 150.00 -> 153.00');
    expect(steps[0]).toContain('shop.orders 1 changed amount 100.00>101.00');
    expect(steps[0]).toContain('shop.orders 2 changed amount 50.00>52.00');
  });

  test('is known although the table has merged older rows away', async () => {
    await using shop = await openShop();
    const { world } = shop;
    await world.write('shop.teachers', [{ id: 5, name: 'Eve', group_id: 1 }]);
    await shop.refresh();
    await world.write('shop.teachers', [{ id: 5, name: 'Fay', group_id: 1 }]);
    await shop.refresh();
    await world.engine.command('OPTIMIZE TABLE _ods.`shop.teachers` FINAL');
    const history = await shop.explain('dwd.orders', { order_id: '1' }, 'all');
    expect(stepsOf(history).map((step) => step.split(' | ')[1])).toEqual([
      'shop.teachers 5 changed name Ann>Eve changed 1',
      'shop.teachers 5 changed name Eve>Fay changed 1',
    ]);
    const [first, second] = history.history?.steps ?? [];
    expect(first?.causes[0]?.place).toBeUndefined();
    expect(second?.causes[0]?.place?.position).toBe('binlog.000001:1009');
  });

  test('is not told from an image that is older than the one before the change', async () => {
    await using shop = await openShop();
    const { world } = shop;
    // What merges leave when they take the newer ones of three images together.
    await world.write('shop.teachers', [{ id: 5, name: 'Eve', group_id: 1 }]);
    await shop.refresh();
    await world.write('shop.teachers', [{ id: 5, name: 'Fay', group_id: 1 }]);
    await shop.refresh();
    await engine.command("DELETE FROM _ods.`shop.teachers` WHERE name = 'Eve'");
    const { history: told } = await shop.explain('dwd.orders', { order_id: '1' }, 'all');
    expect(told?.steps.map(({ causes }) => causes[0]?.columns)).toEqual([
      [{ column: 'name', from: 'Ann', to: 'Eve' }],
      [{ column: 'name', from: 'Eve', to: 'Fay' }],
    ]);
  });

  test('of a change without effect, or in columns nobody reads, is nothing', async () => {
    await using shop = await openShop();
    const { world } = shop;
    await world.write('shop.groups', [{ id: 1, name: 'north' }]);
    await world.write('shop.orders', [order(3, 7, 31)]);
    await shop.refresh();
    expect(stepsOf(await shop.explain('dws.teams', { team: 'north' }, 'all'))).toEqual([]);
    expect(stepsOf(await shop.explain('dws.teams', { team: 'south' }, 'all'))).toEqual([
      'changed: revenue 30.00 -> 31.00 | shop.orders 3 changed amount 30.00>31.00 changed 1 | 3 changed',
    ]);
  });
});

describe('the history of deltas', () => {
  const history = (shop: Awaited<ReturnType<typeof openShop>>, hours = 24) => {
    return new DeltaHistory({ engine: shop.world.engine, catalog: shop.world.catalog, hours });
  };
  const revenues = async (shop: Awaited<ReturnType<typeof openShop>>) => {
    const { history: told } = await shop.explain('dws.teams', { team: 'south' }, 'all');
    return (told?.steps ?? []).map(({ columns, sumSince }) => {
      return `${columns.find(({ column }) => column === 'revenue')?.to}${sumSince ? ' sum' : ''}`;
    });
  };
  const sell = async (shop: Awaited<ReturnType<typeof openShop>>, amount: number) => {
    await shop.world.write('shop.orders', [order(3, 7, amount)]);
    await shop.refresh();
  };

  test('leaves memory for the disk, once, also when a move breaks off', async () => {
    await using shop = await openShop();
    await sell(shop, 31);
    await sell(shop, 32);
    shop.world.engine.beforeStatement = (sql) => {
      if (sql.startsWith('TRUNCATE')) throw new Error('killed');
    };
    await expect(history(shop).keep(never)).rejects.toThrow('killed');
    shop.world.engine.beforeStatement = undefined;
    expect(await revenues(shop)).toEqual(['31.00', '32.00']);
    await sell(shop, 33);
    expect(await revenues(shop)).toEqual(['31.00', '32.00', '33.00']);
    await history(shop).keep(never);
    await sell(shop, 34);
    expect(await revenues(shop)).toEqual(['31.00', '32.00', '33.00', '34.00']);
    const inMemory = await shop.world.engine.rows(
      "SELECT name FROM system.tables WHERE database = '_layers' AND engine = 'Memory' AND name LIKE 'dws.teams@%#delta' AND total_rows = 2",
    );
    expect(inMemory).toHaveLength(1);
  });

  test('shows the sum of what an engine that was killed had only in memory', async () => {
    await using shop = await openShop();
    await sell(shop, 31);
    await history(shop).keep(never);
    await sell(shop, 32);
    await sell(shop, 33);
    const [delta] = await shop.world.engine.rows<{ name: string }>(
      "SELECT name FROM system.tables WHERE database = '_layers' AND name LIKE 'dws.teams@%#delta'",
    );
    shop.world.engine.forget([`_layers.\`${delta?.name}\``]);
    expect(await revenues(shop)).toEqual(['31.00', '33.00 sum']);
    await sell(shop, 34);
    expect(await revenues(shop)).toEqual(['31.00', '33.00 sum', '34.00']);
  });

  test('is dropped by age, but no further than somebody needs it', async () => {
    await using shop = await openShop();
    const { catalog } = shop.world;
    const [delta] = await engine.rows<{ name: string }>(
      "SELECT name FROM system.tables WHERE database = '_layers' AND name LIKE 'dwd.orders@%#delta'",
    );
    const table = `_layers.\`${delta?.name}\``;
    for (const build of [10, 5_000, 9_000]) {
      await engine.command(`INSERT INTO ${table} (_build, _sign) VALUES (${build}, 1)`);
    }
    for (const build of [10, 4_999, 5_001, 8_000]) await catalog.put(pastCutKey(build), { build });
    const left = async () => {
      const rows = await engine.rows<{ build: string }>(
        `SELECT _build AS build FROM ${table} ORDER BY _build`,
      );
      return rows.map(({ build }) => Number(build));
    };
    const hour = 3_600_000;
    const kept = history(shop, 1);
    await kept.prune({ build: 8_500, needed: 8_500 }, 0, never);
    expect(await left()).toEqual([10, 5_000, 9_000]);
    await kept.prune({ build: 9_500, needed: 4_000 }, 2 * hour, never);
    expect(await left()).toEqual([10, 5_000, 9_000]);
    await kept.prune({ build: 9_500, needed: 9_500 }, 2 * hour, never);
    expect(await left()).toEqual([9_000]);
    const cuts = [...catalog.entries(pastCutPrefix).keys()];
    expect(cuts).toEqual([pastCutKey(8_000)]);
  });
});

describe('what was asked for', () => {
  test('is found by any column, said to be several, or never to have been there', async () => {
    await using shop = await openShop();
    expect(await shop.explain('dwd.orders', { team: 'north' })).toMatchObject({
      found: 'several',
      candidates: [{ order_id: '1' }, { order_id: '2' }],
      hasMore: false,
    });
    expect(await shop.explain('dwd.orders', { team: 'north', amount: '50' })).toMatchObject({
      found: 'row',
      key: { order_id: '2' },
    });
    expect(await shop.explain('dwd.orders', { order_id: '77' })).toMatchObject({ found: 'none' });
  });

  test('has to be a model, a column and a value of its type', async () => {
    await using shop = await openShop();
    await expect(shop.explain('dws.team', { team: 'north' })).rejects.toMatchObject({
      code: 'CDC_USAGE',
      remedy: 'Did you mean dws.teams?',
    });
    await expect(shop.explain('dws.teams', { tem: 'north' })).rejects.toMatchObject({
      message: '--key tem: dws.teams has no column tem.',
      remedy: 'Did you mean team?',
    });
    await expect(shop.explain('dwd.orders', { order_id: 'x' })).rejects.toThrow(
      'order_id of dwd.orders is a Int64, which cannot be x',
    );
  });
});
