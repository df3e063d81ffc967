import type { BuildEstimate, LayersPlan } from '../../layers/layers.ts';
import { renderProblem } from '../render-error.ts';
import { printable } from './display-width.ts';
import { formatCounted, formatMs } from './format.ts';
import type { Style } from './style.ts';
import { renderTable } from './table.ts';

/** What was applied: the plan, with its last line in the past. */
export function renderApplied(plan: LayersPlan, style: Style): string {
  const changed = plan.models.filter(({ change }) => change !== 'unchanged').length;
  const verdict = changed === 0 ? 'nothing to apply' : `${formatCounted(changed, 'model')} applied`;
  return `${renderModels(plan, style)}\n${style.green(verdict)}\n`;
}

/** The models, why each is kept the way it is, the DDL of what changes, and every problem. */
export function renderPlan(plan: LayersPlan, style: Style): string {
  const changed = plan.models.filter(({ change }) => change !== 'unchanged');
  const ddl = changed.flatMap((model) => model.ddl.map((statement) => `${statement};\n`));
  return [
    renderModels(plan, style),
    ...(ddl.length === 0 ? [] : ['\n', style.dim(ddl.join(''))]),
    ...(plan.problems.length === 0 ? [] : ['\n']),
    ...plan.problems.map((problem) => renderProblem(problem, style)),
    `\n${changed.length === 0 ? 'nothing to apply' : `${formatCounted(changed.length, 'model')} to apply`}\n`,
  ].join('');
}

function renderModels({ models }: LayersPlan, style: Style): string {
  if (models.length === 0) return 'no models under layers/\n';
  const isBuilding = models.some(
    ({ what, estimate }) => what !== undefined || estimate !== undefined,
  );
  const columns = [
    ...[{ title: 'model' }, { title: 'change' }],
    ...(isBuilding ? [{ title: 'what' }, { title: 'to build' }] : []),
    ...[{ title: 'way' }, { title: 'why' }],
  ];
  const rows = models.map(({ name, change, what = '', estimate, way, why }) => [
    ...[printable(name), change],
    ...(isBuilding ? [printable(what), estimate ? renderEstimate(estimate) : ''] : []),
    ...[way, printable(why)],
  ]);
  return renderTable(columns, rows, style);
}

function renderEstimate({ rows, ms, isMeasured }: BuildEstimate): string {
  return `${isMeasured ? '' : '~ '}${formatCounted(rows, 'row')}, ${formatMs(ms)}`;
}
