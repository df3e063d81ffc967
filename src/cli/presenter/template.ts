import type { Template } from '../../template/template-catalog.ts';
import type { Style } from './style.ts';
import { renderTable } from './table.ts';

export function renderTemplateList(templates: readonly Template[], style: Style): string {
  return renderTable(
    [{ title: 'template' }, { title: 'description' }],
    templates.map(({ name, description }) => [name, description]),
    style,
  );
}

export function renderTemplate(template: Template, style: Style): string {
  const { name, description, parameters } = template;
  const rows = parameters.map((parameter) => [
    parameter.name,
    parameter.default ?? '(required)',
    parameter.description,
  ]);
  const columns = [{ title: 'parameter' }, { title: 'default' }, { title: 'description' }];
  return [
    `${style.bold(name)}: ${description}\n`,
    ...(rows.length === 0 ? [] : ['\n', renderTable(columns, rows, style)]),
    `\ncdc template new ${name} <folder>${rows.length === 0 ? '' : ' [--set parameter=value]...'}\n`,
  ].join('');
}
