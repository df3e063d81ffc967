import { clickhouseType } from '../../engine/column-type.ts';
import { quoteIdentifier } from '../../engine/sql-quote.ts';
import type { SinkColumn } from '../sink-table.ts';
import type { TypeMap } from '../type-map.ts';
import type { ClickhouseSinkOptions } from './options.ts';

/** Every value lies in the store as it lies in the warehouse; `time` may be text for old servers. */
export function clickhouseTypes({ timeAs }: Pick<ClickhouseSinkOptions, 'timeAs'>): TypeMap {
  return {
    stored(column) {
      if (timeAs === 'text' && isTime(column)) {
        return { type: 'String', render: (value) => `toString(${value})` };
      }
      return { type: bareType(column.engineType) };
    },
    quote: quoteIdentifier,
    notes: [
      'Types and values are those of the warehouse.',
      'A view shows the current rows; the table behind it has `_version` and `_deleted`, and deleted rows.',
    ],
  };
}

/** The type of the column in DDL, NULL included, spelled as ClickHouse spells it in system.columns. */
export function storedType(column: SinkColumn, types: TypeMap): string {
  const { type } = types.stored(column);
  if (!column.nullable) return type;
  return type === bareType(column.engineType) ? nullable(column.engineType) : nullable(type);
}

/** The same type with NULL. */
export function nullable(type: string): string {
  if (type.includes('Nullable(')) return type;
  const inner = /^LowCardinality\((.*)\)$/.exec(type)?.[1];
  return inner === undefined ? `Nullable(${type})` : `LowCardinality(Nullable(${inner}))`;
}

function bareType(engineType: string): string {
  return engineType.replace(/^(LowCardinality\()?Nullable\((.*?)\)(\)?)$/, '$1$2$3');
}

function isTime(column: SinkColumn): boolean {
  return column.type.kind === 'time' && !clickhouseType(column).includes('String');
}
