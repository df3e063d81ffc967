import { describe, expect, test } from 'vitest';
import type { CommonSinkOptions, SinkOverride } from '../../../src/sink/common-options.ts';
import type { FeedTable } from '../../../src/sink/feed.ts';
import { memorySinkOptions } from '../../../src/sink/memory/options.ts';
import { planTable, wantsTable } from '../../../src/sink/table-plan.ts';

const int = { kind: 'int', bits: 32, unsigned: false } as const;

const orders: FeedTable = {
  source: 'shop.orders',
  physical: '`_ods`.`shop.orders`',
  columns: [
    { name: 'id', engineType: 'Int32', captured: { type: int, sourceType: 'int' } },
    {
      name: 'note',
      engineType: 'Nullable(String)',
      captured: { type: { kind: 'string' }, sourceType: 'text', comment: 'what was said' },
    },
    { name: 'amount', engineType: 'Nullable(Int32)', captured: { type: int, sourceType: 'int' } },
  ],
  key: ['id'],
  changeColumn: '_version',
  generation: 'one',
  readTo: 9n,
  position: 'binlog.000001:9',
};

function optionsOf(...overrides: readonly Partial<SinkOverride>[]): CommonSinkOptions {
  const base = { type: 'memory', name: 'trial', tables: ['shop.*'] };
  const entries = overrides.map((override) => ({ tables: 'shop.orders', ...override }));
  return memorySinkOptions.parse({ ...base, overrides: entries });
}

const engine = {
  rows: async <T>() =>
    [
      { name: 'day', type: 'Nullable(Date)' },
      { name: 'shop', type: 'String' },
    ] as T[],
};

async function planned(...overrides: readonly Partial<SinkOverride>[]) {
  const { table, values, filter } = await planTable(orders, optionsOf(...overrides), engine);
  return { columns: table.columns.map(({ name }) => name), values, filter, table };
}

describe('the plan of a table', () => {
  test('is the table itself when nothing else is said', async () => {
    const { table, values } = await planned();
    expect(table).toMatchObject({ source: 'shop.orders', target: 'orders', key: ['id'] });
    expect(table.columns.map(({ name, isKey, nullable }) => [name, isKey, nullable])).toEqual([
      ['id', true, false],
      ['note', false, true],
      ['amount', false, true],
    ]);
    expect(table.columns[1]).toMatchObject({ sourceType: 'text', comment: 'what was said' });
    expect([...values]).toEqual([
      ['id', '`id`'],
      ['note', '`note`'],
      ['amount', '`amount`'],
    ]);
  });

  test('has columns renamed, computed, constant, kept and dropped', async () => {
    const { columns, values } = await planned({
      columns: { total: 'amount', day: { sql: 'toDate(paid)' }, shop: { value: "O'Hara" } },
      drop: ['note'],
    });
    expect(columns).toEqual(['id', 'total', 'day', 'shop']);
    expect(values.get('total')).toBe('`amount`');
    expect(values.get('shop')).toContain("'O\\'Hara'");
    expect((await planned({ keep: ['note'] })).columns).toEqual(['id', 'note']);
  });

  test('takes later overrides over earlier ones, key by key', async () => {
    const first = { tables: 'shop.*', to: '{database}_{table}', filter: 'id > 1' };
    const { table, filter } = await planned(first, { filter: 'id > 2' });
    expect(table.target).toBe('shop_orders');
    expect(filter).toBe('id > 2');
  });

  test.each([
    {
      why: 'a column that is not there',
      override: { keep: ['nothing'] },
      says: /no column nothing/,
    },
    {
      why: 'two columns of one name',
      override: { columns: { note: 'amount' } },
      says: /two of its columns would be named note/,
    },
    {
      why: 'a key column that is replaced',
      override: { columns: { id: { value: 1 } } },
      says: /column id is in the key/,
    },
  ])('is refused with $why', async ({ override, says }) => {
    const refused = planned(override as Partial<SinkOverride>);
    await expect(refused).rejects.toMatchObject({
      code: 'CDC_SINK_INCOMPATIBLE',
      message: expect.stringMatching(says),
      details: { table: 'shop.orders' },
    });
  });

  test.each([
    { what: 'no key', feed: { ...orders, key: [] }, says: /no key/ },
    { what: 'a key that can be NULL', feed: { ...orders, key: ['note'] }, says: /can be NULL/ },
    {
      what: 'a column without values',
      feed: {
        ...orders,
        columns: [...orders.columns, { name: 's', engineType: 'AggregateFunction(sum, Int32)' }],
      },
      says: /column s is AggregateFunction/,
    },
  ])('is refused for a table with $what', async ({ feed, says }) => {
    await expect(planTable(feed, optionsOf(), engine)).rejects.toThrow(says);
  });
});

test.each([
  { tables: ['shop.*'], source: 'shop.orders', wanted: true },
  { tables: ['shop.*', '!shop.tmp_*'], source: 'shop.tmp_1', wanted: false },
  { tables: ['ads.*'], source: 'ads.sales', wanted: true },
  { tables: ['ads.*'], source: 'shop.orders', wanted: false },
])('$tables wants $source: $wanted', ({ tables, source, wanted }) => {
  expect(wantsTable({ tables }, source)).toBe(wanted);
});
