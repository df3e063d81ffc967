import { quoteIdentifier, quoteString } from '../../engine/sql-quote.ts';
import { incompatibleTable } from '../sink-errors.ts';
import type { SinkTable } from '../sink-table.ts';

/** How the rows of a table are laid into folders. */
export interface Partition {
  /** An expression over a row for its folder: `p_date=2026-11-21/p_hour=07/`. */
  readonly folder: string;
}

/** Where Hive puts rows without a value. */
const noValue = '__HIVE_DEFAULT_PARTITION__';

/** Undefined: the table lies in one folder. Throws CDC_SINK_INCOMPATIBLE when the column named is none of its dates. */
export function partitionOf(
  { source, columns, settings }: SinkTable,
  now = new Date(),
): Partition | undefined {
  const by = settings['partitionBy'];
  if (by === undefined) return undefined;
  const isHourly = settings['partitionEvery'] === 'hour';
  if (by === 'commit') return { folder: quoteString(folderAt(now, isHourly)) };
  const column = columns.find(({ name }) => name === by);
  const type = column?.type;
  const kind = type === undefined || ('text' in type && type.text) ? '' : type.kind;
  const isTime = kind === 'datetime' || kind === 'timestamp';
  if (column === undefined || (kind !== 'date' && !isTime)) {
    const why = `partitionBy names ${String(by)}, which is no date or time column of it.`;
    throw incompatibleTable(source, why);
  }
  return { folder: folderOf(quoteIdentifier(column.name), isHourly && isTime) };
}

function folderOf(value: string, isHourly: boolean): string {
  const format = isHourly ? 'p_date=%Y-%m-%d/p_hour=%H/' : 'p_date=%Y-%m-%d/';
  const hour = isHourly ? `p_hour=${noValue}/` : '';
  return `ifNull(formatDateTime(${value}, '${format}'), 'p_date=${noValue}/${hour}')`;
}

function folderAt(now: Date, isHourly: boolean): string {
  const text = now.toISOString();
  return `p_date=${text.slice(0, 10)}/${isHourly ? `p_hour=${text.slice(11, 13)}/` : ''}`;
}
