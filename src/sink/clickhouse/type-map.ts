import { quoteIdentifier } from '../../engine/sql-quote.ts';
import type { SinkColumn } from '../sink-table.ts';
import type { TypeMap } from '../type-map.ts';
import type { ClickhouseSinkOptions } from './options.ts';

/** Every value lies in the store as it lies in the warehouse; `time` may be text for old servers. */
export function clickhouseTypes({ timeAs }: Pick<ClickhouseSinkOptions, 'timeAs'>): TypeMap {
  return {
    stored({ engineType }) {
      const type = withoutNull(engineType);
      if (timeAs === 'time64' || !type.startsWith('Time64')) return { type };
      return { type: 'String', render: (value) => `toString(${value})` };
    },
    quote: quoteIdentifier,
    notes: [
      'Types and values are those of the warehouse.',
      'A view shows the current rows; the table behind it also has `_version`, `_deleted` and deleted rows.',
    ],
  };
}

/** As system.columns spells it. */
export function storedType(column: SinkColumn, types: TypeMap): string {
  const { type } = types.stored(column);
  return column.nullable ? `Nullable(${type})` : type;
}

function withoutNull(engineType: string): string {
  return /^Nullable\((.*)\)$/.exec(engineType)?.[1] ?? engineType;
}
