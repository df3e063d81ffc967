import type { ColumnType } from '../../../../src/change/table-schema.ts';
import { clickhouseType } from '../../../../src/engine/column-type.ts';
import {
  type ClickhouseSinkOptions,
  clickhouseSinkOptions,
} from '../../../../src/sink/clickhouse/options.ts';
import type { SinkColumn, SinkTable } from '../../../../src/sink/sink-table.ts';

export function sinkColumn(
  name: string,
  type: ColumnType,
  rest: { nullable?: boolean; isKey?: boolean; comment?: string } = {},
): SinkColumn {
  const { nullable = false, isKey = false, comment } = rest;
  const engineType = clickhouseType({ type, nullable });
  return { name, type, nullable, isKey, engineType, ...(comment !== undefined && { comment }) };
}

export function sinkTable(rest: Partial<SinkTable> = {}): SinkTable {
  return {
    source: 'shop.orders',
    target: 'orders',
    columns: [
      sinkColumn('shop', { kind: 'string' }, { isKey: true }),
      sinkColumn('id', { kind: 'int', bits: 32, unsigned: false }, { isKey: true }),
      sinkColumn('paid', { kind: 'datetime', fsp: 3 }, { nullable: true, comment: 'when' }),
    ],
    key: ['shop', 'id'],
    settings: {},
    ...rest,
  };
}

export function storeOptions(rest: object = {}): ClickhouseSinkOptions {
  return clickhouseSinkOptions.parse({
    ...{ type: 'clickhouse', name: 'store', tables: ['shop.*'], url: 'http://127.0.0.1:8123' },
    ...rest,
  });
}
