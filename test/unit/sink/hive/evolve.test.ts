import { describe, expect, test } from 'vitest';
import type { ColumnType } from '../../../../src/change/table-schema.ts';
import { evolveTable } from '../../../../src/sink/hive/evolve.ts';
import type { TableState } from '../../../../src/sink/hive/table-state.ts';
import type { SinkTable } from '../../../../src/sink/sink-table.ts';

const int: ColumnType = { kind: 'int', bits: 32, unsigned: false };
const long: ColumnType = { kind: 'int', bits: 64, unsigned: false };
const wall: ColumnType = { kind: 'datetime', fsp: 6 };
const text: ColumnType = { kind: 'string' };
const options = { drop: true, partitionColumn: 'dt' };

function tableOf(
  types: Readonly<Record<string, ColumnType>>,
  more: Partial<SinkTable> = {},
): SinkTable {
  const columns = Object.entries(types).map(([name, type]) => ({
    ...{ name, type, nullable: true, isKey: name === 'id', engineType: '' },
  }));
  return { source: 'shop.orders', target: 'orders', columns, key: ['id'], settings: {}, ...more };
}

/** As after `prepare` and some files. */
function prepared(table: SinkTable): TableState {
  const { state } = evolveTable(table, undefined, options);
  const columns = state.columns.map(({ name, type }) => ({
    name,
    type: type === 'TIMESTAMP' ? 'STRING' : type,
  }));
  const part = { id: 1, kind: 'delta' as const, columns, files: 3, bytes: 9 };
  return { ...state, parts: [part], nextPart: 2 };
}

describe('a table in Hive that is to hold another shape', () => {
  const before = prepared(tableOf({ Id: int, at: wall }, { key: ['Id'] }));

  test('stays as it is when nothing is new', () => {
    const same = evolveTable(tableOf({ Id: int, at: wall }, { key: ['Id'] }), before, options);
    expect(same).toMatchObject({ needsDelta: false, isChanged: false });
    expect(same.state.columns.map(({ name, type }) => `${name} ${type}`)).toEqual([
      'id INT',
      'at TIMESTAMP',
    ]);
  });

  test('gets a new part for a column that is new or larger', () => {
    const added = evolveTable(tableOf({ id: int, at: wall, note: text }), before, options);
    expect(added).toMatchObject({ needsDelta: true, isChanged: true });
    const widened = evolveTable(tableOf({ id: long, at: wall }), before, options);
    expect(widened).toMatchObject({ needsDelta: true, isChanged: true });
  });

  test('forgets a column that goes, or keeps it if it may not be dropped', () => {
    const dropped = evolveTable(tableOf({ id: int }), before, options);
    expect(dropped).toMatchObject({ needsDelta: false, isChanged: true });
    expect(dropped.state.parts[0]?.columns.map(({ name }) => name)).toEqual(['id']);
    const kept = evolveTable(tableOf({ id: int }), before, { ...options, drop: false });
    expect(kept).toMatchObject({ needsDelta: false, isChanged: false });
    expect(kept.state.columns.map(({ name }) => name)).toEqual(['id', 'at']);
  });

  test.each([
    { what: 'another key', table: tableOf({ id: int, at: wall }, { key: ['id', 'at'] }) },
    { what: 'a smaller type', table: tableOf({ id: { ...int, bits: 8 }, at: wall }) },
    { what: 'another kind of value', table: tableOf({ id: int, at: text }) },
    { what: 'a name of ours', table: tableOf({ id: int, at: wall, _batch: int }) },
    { what: 'two names that differ in case only', table: tableOf({ id: int, at: wall, AT: int }) },
    { what: 'a name with a dot', table: tableOf({ id: int, at: wall, 'a.b': int }) },
    {
      what: 'a table name with a dot',
      table: tableOf({ id: int, at: wall }, { target: 'shop.orders' }),
    },
    {
      what: 'partitions by a column that is not there',
      table: tableOf(
        { id: int, at: wall },
        { settings: { partitionBy: { column: 'day', by: 'day' } } },
      ),
    },
    {
      what: 'a column named like the partitions',
      table: tableOf({ id: int, at: wall, dt: text }, { settings: { partitionBy: { by: 'day' } } }),
    },
  ])('is refused with $what', ({ table }) => {
    expect(() => evolveTable(table, before, options)).toThrowError(
      expect.objectContaining({
        code: 'CDC_SINK_INCOMPATIBLE',
        details: { table: 'shop.orders' },
      }),
    );
  });

  test('is refused when its folder holds another table', () => {
    const other = tableOf({ id: int, at: wall }, { source: 'crm.orders' });
    expect(() => evolveTable(other, before, options)).toThrowError(
      expect.objectContaining({ code: 'CDC_SINK_FOREIGN' }),
    );
  });
});
