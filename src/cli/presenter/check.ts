import type { CheckReport } from '../../pipeline/check.ts';
import { renderProblem } from '../render-error.ts';
import { formatCounted } from './format.ts';
import type { Style } from './style.ts';

export function renderCheck(report: CheckReport, style: Style): string {
  const { source, warehouse, tables, problems } = report;
  const lines: string[] = [];
  if (source !== null) {
    lines.push(`source     ${source.server} ${source.version}, ${formatCounted(tables, 'table')}`);
  }
  if (warehouse !== null) lines.push(`warehouse  ClickHouse ${warehouse.version}`);
  const errors = problems.filter(({ severity }) => severity === 'error').length;
  const warnings = problems.length - errors;
  const counts = [
    ...(errors > 0 ? [style.red(formatCounted(errors, 'error'))] : []),
    ...(warnings > 0 ? [style.yellow(formatCounted(warnings, 'warning'))] : []),
  ];
  const verdict = errors === 0 ? style.green('ready') : 'not ready';
  return [
    ...lines.map((line) => `${line}\n`),
    ...problems.map((problem) => renderProblem(problem, style)),
    `${[verdict, ...counts].join(', ')}\n`,
  ].join('');
}
