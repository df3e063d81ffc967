import type { LayersHistory } from '../../pipeline/plan.ts';
import { printable } from './display-width.ts';
import { formatCounted, formatMs } from './format.ts';
import type { Style } from './style.ts';
import { renderTable } from './table.ts';

/** The changes, newest first, a line for each model of them. */
export function renderHistory({ changes }: LayersHistory, style: Style): string {
  if (changes.length === 0) return 'nothing has been applied yet\n';
  const columns = [
    ...[{ title: 'change' }, { title: 'when' }, { title: 'model' }, { title: '' }],
    ...[{ title: 'what' }, { title: 'rows' }, { title: 'built in' }, { title: 'undo' }],
  ];
  const rows = changes.toReversed().flatMap(({ number, atMs, ms, models, canRollBack }) => {
    return models.map(({ name, change, what = '', rows: count }, index) => [
      ...(index === 0 ? [String(number), timeOf(atMs)] : ['', '']),
      ...[printable(name), change, printable(what), formatCounted(count, 'row')],
      ...(index === 0
        ? [formatMs(ms), canRollBack ? `cdc layers rollback ${number}` : 'no']
        : ['', '']),
    ]);
  });
  return renderTable(columns, rows, style);
}

/** `2026-11-21 22:40:05` in the time zone of this machine. */
function timeOf(atMs: number): string {
  const date = new Date(atMs);
  const local = new Date(atMs - date.getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 19).replace('T', ' ');
}
