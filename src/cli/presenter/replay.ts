import type { ReplayReport } from '../../pipeline/replay.ts';
import { printable } from './display-width.ts';
import { formatCount, formatCounted } from './format.ts';
import type { Style } from './style.ts';
import { renderTable } from './table.ts';

export function renderReplay(report: ReplayReport, style: Style): string {
  const { from, to, rows, tables, models } = report;
  const rendered = tables.map(({ table, rows: count }) => [printable(table), formatCount(count)]);
  const list =
    tables.length === 0
      ? ''
      : renderTable([{ title: 'table' }, { title: 'rows', align: 'right' }], rendered, style);
  const note = models === 'waiting' ? '; models over them wait for `cdc run --only layers`' : '';
  return (
    `${list}${style.green('replayed')} ${formatCounted(rows, 'row')} of ` +
    `${formatCounted(tables.length, 'table')}, offsets ${from} to ${to}${note}\n`
  );
}
