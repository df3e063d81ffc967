import { describe, expect, test } from 'vitest';
import { loadHeaders, renderCreateTable, wantedColumns } from '../../../../src/sink/doris/ddl.ts';
import { dorisSinkOptions } from '../../../../src/sink/doris/options.ts';
import { dorisTypes } from '../../../../src/sink/doris/type-map.ts';
import type { SinkTable } from '../../../../src/sink/sink-table.ts';

const optionsOf = (more: object = {}) =>
  dorisSinkOptions.parse({
    type: 'doris',
    name: 'serving',
    tables: ['shop.*'],
    frontends: ['http://fe1:8030'],
    database: 'serving',
    ...more,
  });
const table: SinkTable = {
  source: 'shop.lines',
  target: 'lines',
  key: ['order', 'line'],
  settings: {},
  comment: 'lines of "orders"',
  columns: [
    { name: 'note', type: { kind: 'string' }, engineType: '', nullable: false, isKey: false },
    {
      name: 'line',
      type: { kind: 'int', bits: 16, unsigned: false },
      engineType: '',
      nullable: false,
      isKey: true,
    },
    {
      name: 'order',
      type: { kind: 'int', bits: 64, unsigned: false },
      engineType: '',
      nullable: false,
      isKey: true,
      comment: '订单',
    },
  ],
};
const columnsOf = (options: ReturnType<typeof optionsOf>) =>
  wantedColumns(table, dorisTypes(options), options);

describe('a new table', () => {
  test('in Doris has its key first and in order, and its version as sequence column', () => {
    const options = optionsOf({ replicationNum: 1 });
    expect(renderCreateTable(table, columnsOf(options), options)).toBe(
      [
        'CREATE TABLE IF NOT EXISTS `serving`.`lines` (',
        '  `order` BIGINT NOT NULL COMMENT "订单",',
        '  `line` SMALLINT NOT NULL,',
        '  `note` STRING NULL,',
        '  `_version` BIGINT NULL',
        ') ENGINE=OLAP',
        'UNIQUE KEY(`order`, `line`)',
        'COMMENT "lines of \\"orders\\""',
        'DISTRIBUTED BY HASH(`order`, `line`) BUCKETS AUTO',
        'PROPERTIES ("replication_num" = "1", "enable_unique_key_merge_on_write" = "true", "light_schema_change" = "true", "function_column.sequence_col" = "_version")',
      ].join('\n'),
    );
  });

  test('in StarRocks has a primary key', () => {
    const options = optionsOf({ flavour: 'starrocks', buckets: 8 });
    expect(renderCreateTable(table, columnsOf(options), options)).toContain(
      'PRIMARY KEY(`order`, `line`)\nCOMMENT "lines of \\"orders\\""\nDISTRIBUTED BY HASH(`order`, `line`) BUCKETS 8',
    );
  });
});

describe('the headers of a load', () => {
  test('leave nothing to the store’s defaults', () => {
    expect(loadHeaders(table, optionsOf())).toEqual({
      columns: '`note`, `line`, `order`, `_version`, `_deleted`',
      format: 'json',
      read_json_by_line: 'true',
      merge_type: 'MERGE',
      delete: '`_deleted` = 1',
      strict_mode: 'true',
      max_filter_ratio: '0',
      timezone: '+00:00',
    });
  });

  test('name the operation and the condition in StarRocks', () => {
    expect(loadHeaders(table, optionsOf({ flavour: 'starrocks' }))).toMatchObject({
      columns: '`note`, `line`, `order`, `_version`, `_deleted`, __op = `_deleted`',
      merge_condition: '_version',
    });
  });

  test('carry names of any script as UTF-8', () => {
    const [note, ...keys] = table.columns;
    const named = { ...table, columns: [{ ...note, name: '备注' }, ...keys] } as SinkTable;
    const { columns = '' } = loadHeaders(named, optionsOf());
    expect(Buffer.from(columns, 'latin1').toString('utf8')).toMatch(/^`备注`, /);
  });

  test('name the columns of this sink only where others fill the table, too', () => {
    const partial = { ...table, settings: { partialColumns: true } };
    expect(loadHeaders(partial, optionsOf())).toMatchObject({
      columns:
        '`note`, `line`, `order`, `_version`, `_deleted`, `_version_serving` = `_version`, __DORIS_DELETE_SIGN__ = `_deleted`',
      partial_columns: 'true',
      strict_mode: 'false',
    });
  });
});

describe('the options of the sink', () => {
  test.each([
    { more: { flavour: 'starrocks', twoPhaseCommit: true }, path: ['twoPhaseCommit'] },
    { more: { frontends: ['fe1:8030'] }, path: ['frontends', 0] },
    { more: { backends: ['http://be1'] }, path: ['backends', 0] },
    { more: { database: '1st' }, path: ['database'] },
  ])('refuse $more', ({ more, path }) => {
    const given = {
      type: 'doris',
      name: 's',
      tables: ['a.*'],
      frontends: ['http://fe1:8030'],
      database: 'd',
    };
    const result = dorisSinkOptions.safeParse({ ...given, ...more });
    expect(result.error?.issues.map((issue) => issue.path)).toEqual([path]);
  });
});
