import { describe, expect, test } from 'vitest';
import type { ColumnType } from '../../../../src/change/table-schema.ts';
import { planSchema, type SchemaPlan } from '../../../../src/sink/lake/schema-plan.ts';
import { lakeTypes } from '../../../../src/sink/lake/type-map.ts';
import type { SinkTable } from '../../../../src/sink/sink-table.ts';

const types = lakeTypes('delta');
const int: ColumnType = { kind: 'int', bits: 32, unsigned: false };
const long: ColumnType = { kind: 'int', bits: 64, unsigned: false };
const text: ColumnType = { kind: 'string' };

function tableOf(columns: Record<string, ColumnType>, rest: Partial<SinkTable> = {}): SinkTable {
  return {
    source: 'shop.orders',
    target: 'orders',
    key: ['id'],
    settings: {},
    columns: Object.entries(columns).map(([name, type]) => ({
      ...{ name, type, nullable: name !== 'id', isKey: name === 'id', engineType: '' },
    })),
    ...rest,
  };
}

function planned(before: SchemaPlan | undefined, table: SinkTable, drop = true): SchemaPlan {
  const plan = planSchema(before?.schema, table, types, { drop });
  if (typeof plan === 'string') throw new Error(plan);
  return plan;
}

const created = planned(undefined, tableOf({ id: int, note: text }));

describe('the columns of a table in a lake', () => {
  test('get ids that nothing else has had', () => {
    expect(created.steps).toEqual(['create table orders (id int, note string), key id']);
    expect(created.schema.columns.map(({ id, name }) => [id, name])).toEqual([
      [3, 'id'],
      [4, 'note'],
    ]);
    const without = planned(created, tableOf({ id: int }));
    const again = planned(without, tableOf({ id: int, note: text }));
    expect(again.schema.columns.map(({ id, name }) => [id, name])).toEqual([
      [3, 'id'],
      [5, 'note'],
    ]);
  });

  test('need no step when they are the same', () => {
    expect(planned(created, tableOf({ id: int, note: text })).steps).toEqual([]);
  });

  test('stay when they are not to be dropped, and go without a file being written anew', () => {
    const kept = planned(created, tableOf({ id: int }), false);
    expect(kept.steps).toEqual([]);
    expect(kept.schema.columns).toHaveLength(2);
    const dropped = planned(created, tableOf({ id: int }));
    expect(dropped).toMatchObject({ steps: ['drop column note'], rewrites: false });
    expect(dropped.schema.dropped).toEqual(['note']);
  });

  test('that come again begin empty, because files still have old values under their names', () => {
    const dropped = planned(created, tableOf({ id: int }));
    const again = planned(dropped, tableOf({ id: int, note: text }));
    expect(again).toMatchObject({ steps: ['add column note string'], rewrites: true });
    expect([...again.renewed]).toEqual(['note']);
    expect(again.schema.dropped).toEqual([]);
  });

  test('become wider with all files, and never narrower', () => {
    const wide = planned(created, tableOf({ id: long, note: text }));
    expect(wide).toMatchObject({
      steps: ['widen column id from int to long, writing all files anew'],
      rewrites: true,
    });
    const narrow = planned(wide, tableOf({ id: int, note: text }));
    expect(narrow.steps).toEqual([]);
    expect(narrow.schema.columns[0]?.type).toBe('long');
  });

  test.each([
    {
      name: 'another key',
      table: tableOf({ id: int, note: text }, { key: ['note'] }),
      why: /its key is id/,
    },
    {
      name: 'another source',
      table: tableOf({ id: int }, { source: 'shop.other' }),
      why: /holds shop.orders/,
    },
    {
      name: 'a type of another kind',
      table: tableOf({ id: int, note: int }),
      why: /column note is string/,
    },
  ])('with $name are refused', ({ table, why }) => {
    expect(planSchema(created.schema, table, types, { drop: true })).toMatch(why);
  });

  test('may not be called as those that cdc adds', () => {
    const table = tableOf({ id: int, _version: text });
    expect(planSchema(undefined, table, types, { drop: true })).toMatch(/called _version/);
  });
});
