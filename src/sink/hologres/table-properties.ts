import { quoteName, quoteText } from '../postgres/sql-text.ts';
import { incompatibleTable } from '../sink-errors.ts';
import type { SinkTable } from '../sink-table.ts';
import type { HologresTableSettings } from './options.ts';

/**
 * Calls that give a table its properties; most are taken only in the transaction that creates it. Throws CDC_SINK_INCOMPATIBLE for
 * a column that the table does not have.
 */
export function propertyCalls(name: string, table: SinkTable): string[] {
  const settings = table.settings as HologresTableSettings;
  const list = (what: string, names: readonly string[] | undefined) => {
    const unknown = names?.find((each) => !table.columns.some((column) => column.name === each));
    if (unknown !== undefined) {
      throw incompatibleTable(table.source, `it has no column ${unknown}, which ${what} names.`);
    }
    return names?.map(quoteName).join(',');
  };
  const stranger = settings.distributionKey?.find((each) => !table.key.includes(each));
  if (stranger !== undefined) {
    throw incompatibleTable(
      table.source,
      `distributionKey names ${stranger}, which is not in the key.`,
    );
  }
  const properties: readonly (readonly [string, string | undefined])[] = [
    ['orientation', settings.orientation ?? 'column'],
    ['table_group', settings.tableGroup],
    ['distribution_key', list('distributionKey', settings.distributionKey)],
    ['clustering_key', list('clusteringKey', settings.clusteringKey)],
    ['event_time_column', list('eventTimeColumn', settings.eventTimeColumn)],
    ['bitmap_columns', list('bitmapColumns', settings.bitmapColumns)],
    ['dictionary_encoding_columns', list('dictionaryColumns', settings.dictionaryColumns)],
    ['time_to_live_in_seconds', settings.timeToLiveSeconds?.toString()],
    ['binlog.level', settings.binlog ? 'replica' : undefined],
    ['binlog.ttl', settings.binlog ? settings.binlogSeconds?.toString() : undefined],
  ];
  return properties.flatMap(([property, value]) =>
    value === undefined
      ? []
      : [`CALL set_table_property(${[name, property, value].map(quoteText).join(', ')})`],
  );
}
