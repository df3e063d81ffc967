import { describe, expect, test } from 'vitest';
import { fixedPlanStatements } from '../../../../src/sink/hologres/fixed-plan.ts';
import { hologresSinkOptions } from '../../../../src/sink/hologres/options.ts';
import { propertyCalls } from '../../../../src/sink/hologres/table-properties.ts';
import { assertKey, hologresTypes } from '../../../../src/sink/hologres/type-map.ts';
import type { TableOptions } from '../../../../src/sink/postgres/stored-table.ts';
import { sinkColumn, sinkTable } from '../clickhouse/sink-table-builder.ts';

const given = {
  type: 'hologres',
  name: 'copy',
  tables: ['shop.*'],
  host: 'h',
  user: 'u',
  database: 'd',
};
const options: TableOptions = {
  schema: 'public',
  deletes: 'hard',
  types: hologresTypes(hologresSinkOptions.parse(given)),
  canRetype: false,
};

describe('statements for the fixed plan of Hologres', () => {
  test('upsert given columns by VALUES and delete by the whole key, both behind a check of the version', () => {
    const rows = [
      ['main', '1', '2026-01-01', '10', '0'],
      ['main', '2', null, '11', '1'],
      ['main', '3', null, '12', '0'],
    ];
    expect([...fixedPlanStatements(sinkTable(), options, rows, 100)]).toEqual([
      {
        sql:
          'INSERT INTO "public"."orders" AS old ("shop", "id", "paid", "_version") VALUES ($1, $2, $3, $4), ($5, $6, $7, $8) ' +
          'ON CONFLICT ("shop", "id") DO UPDATE SET "paid" = excluded."paid", "_version" = excluded."_version" ' +
          'WHERE excluded."_version" >= old."_version"',
        values: ['main', '1', '2026-01-01', '10', 'main', '3', null, '12'],
      },
      {
        sql: 'DELETE FROM "public"."orders" WHERE ("shop" = $1 AND "id" = $2 AND "_version" <= $3)',
        values: ['main', '2', '11'],
      },
    ]);
  });

  test('have no more rows than asked for, and no more parameters than Hologres counts', () => {
    const rows = Array.from({ length: 20_000 }, (_, at) => ['main', String(at), null, '1', '0']);
    const few = [...fixedPlanStatements(sinkTable(), options, rows, 512)];
    expect(few).toHaveLength(40);
    const many = [...fixedPlanStatements(sinkTable(), options, rows, 10_000)];
    expect(Math.max(...many.map(({ values }) => values.length))).toBeLessThan(32_768);
    expect(many.reduce((sum, { values }) => sum + values.length, 0)).toBe(80_000);
  });
});

describe('properties of a table in Hologres', () => {
  test('are set as the project file says, with names quoted', () => {
    const settings = {
      ...{ orientation: 'row,column', distributionKey: ['shop'], clusteringKey: ['id', 'paid'] },
      ...{ eventTimeColumn: ['paid'], binlog: true, binlogSeconds: 86_400, tableGroup: `it's` },
    };
    expect(propertyCalls('"public"."orders"', sinkTable({ settings }))).toEqual([
      `CALL set_table_property('"public"."orders"', 'orientation', 'row,column')`,
      `CALL set_table_property('"public"."orders"', 'table_group', 'it''s')`,
      `CALL set_table_property('"public"."orders"', 'distribution_key', '"shop"')`,
      `CALL set_table_property('"public"."orders"', 'clustering_key', '"id","paid"')`,
      `CALL set_table_property('"public"."orders"', 'event_time_column', '"paid"')`,
      `CALL set_table_property('"public"."orders"', 'binlog.level', 'replica')`,
      `CALL set_table_property('"public"."orders"', 'binlog.ttl', '86400')`,
    ]);
    expect(propertyCalls('t', sinkTable())).toEqual([
      `CALL set_table_property('t', 'orientation', 'column')`,
    ]);
  });

  test.each([{ clusteringKey: ['nowhere'] }, { distributionKey: ['paid'] }])(
    '%o names what cannot be there',
    (settings) => {
      expect(() => propertyCalls('t', sinkTable({ settings }))).toThrow(
        expect.objectContaining({ code: 'CDC_SINK_INCOMPATIBLE' }),
      );
    },
  );

  test('are not asked for with a key that Hologres cannot have', () => {
    const columns = [sinkColumn('price', { kind: 'float', bits: 64 }, { isKey: true })];
    expect(() => assertKey(sinkTable({ columns, key: ['price'] }))).toThrow(
      expect.objectContaining({ code: 'CDC_SINK_INCOMPATIBLE' }),
    );
  });
});
