import type { RepairReport } from '../../pipeline/repair.ts';
import { printable } from './display-width.ts';
import { formatCounted } from './format.ts';
import type { Style } from './style.ts';
import { renderVerify } from './verify.ts';

export function renderRepairReport(report: RepairReport, style: Style): string {
  const { dryRun, before, after } = report;
  if (dryRun) return renderVerify(before, style) + renderDryRun(report);
  if (after === undefined) return `${renderVerify(before, style)}nothing to repair\n`;
  return [
    'found before the repair:\n\n',
    renderVerify(before, style),
    '\nrepaired:\n',
    ...renderDone(report),
    '\nlooked at once more:\n\n',
    renderVerify(after, style),
    report.ok ? reasonToBelieve(report) : '',
  ].join('');
}

function renderDone({ tables, models }: RepairReport): string[] {
  const lines = [
    ...tables.map(({ table, source, sent, deleted, removed }) => {
      const what = [
        ...(sent > 0 ? [`${formatCounted(sent, 'row')} sent again from the source`] : []),
        ...(deleted > 0 ? [`${formatCounted(deleted, 'delete')} sent`] : []),
        ...(removed > 0
          ? [`${formatCounted(removed, 'key')} with versions from nowhere removed first`]
          : []),
      ];
      const name = source === undefined ? table : `${table} (${source})`;
      return `  ${printable(name)}  ${what.join(', ')}\n`;
    }),
    ...models.map(
      ({ name, keys }) =>
        `  ${printable(name)}  ${formatCounted(keys, 'key')} derived again from what it reads\n`,
    ),
  ];
  return lines.length > 0 ? lines : ['  nothing\n'];
}

function renderDryRun({ before }: RepairReport): string {
  if (before.ok) return 'nothing to repair\n';
  const tables = before.tables.flatMap(({ table, differences }) => {
    if (differences.length === 0) return [];
    return [`  ${printable(table)}  ${formatCounted(differences.length, 'row')} from the source\n`];
  });
  const models = before.layers.flatMap(({ name, differences, error }) => {
    if (differences === 0 || error !== undefined) return [];
    return [`  ${printable(name)}  ${formatCounted(differences, 'key')} from what it reads\n`];
  });
  return `\na repair would send or derive again:\n${[...tables, ...models].join('')}nothing has been changed\n`;
}

function reasonToBelieve({ tables, after }: RepairReport): string {
  const sent = tables.length > 0 ? 'the rows went through the log like any change, and ' : '';
  return `\nWhy this is believed: ${sent}everything named was read and computed once more after the repair, at ${after?.cut}, without a difference.\n`;
}
