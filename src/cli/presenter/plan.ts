import type { LayersPlan } from '../../layers/layers.ts';
import { renderProblem } from '../render-error.ts';
import { printable } from './display-width.ts';
import { formatCounted } from './format.ts';
import type { Style } from './style.ts';
import { renderTable } from './table.ts';

/** The models, why each is kept the way it is, the DDL of what changes, and every problem. */
export function renderPlan(plan: LayersPlan, style: Style): string {
  const { models, problems } = plan;
  const rows = models.map(({ name, change, way, why }) => [
    printable(name),
    change,
    way,
    printable(why),
  ]);
  const columns = [{ title: 'model' }, { title: 'change' }, { title: 'way' }, { title: 'why' }];
  const changed = models.filter(({ change }) => change !== 'unchanged');
  const ddl = changed.flatMap((model) => model.ddl.map((statement) => `${statement};\n`));
  return [
    ...(models.length === 0 ? ['no models under layers/\n'] : [renderTable(columns, rows, style)]),
    ...(ddl.length === 0 ? [] : ['\n', style.dim(ddl.join(''))]),
    ...(problems.length === 0 ? [] : ['\n']),
    ...problems.map((problem) => renderProblem(problem, style)),
    `\n${changed.length === 0 ? 'nothing to apply' : `${formatCounted(changed.length, 'model')} to apply`}\n`,
  ].join('');
}
