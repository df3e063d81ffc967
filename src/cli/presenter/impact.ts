import type { ModelImpact } from '../../layers/lineage/impact.ts';
import type { Influence } from '../../layers/lineage/origin.ts';
import type { ImpactReport } from '../../pipeline/lineage-impact.ts';
import { printable } from './display-width.ts';
import { formatCounted } from './format.ts';
import type { Style } from './style.ts';
import { renderTable } from './table.ts';

const roles: Readonly<Record<Influence, string>> = {
  identity: 'output',
  transformation: 'output',
  aggregation: 'output',
  condition: 'condition',
  window: 'window',
  join: 'join',
  filter: 'filter',
  group: 'group',
  order: 'order',
};

/** What would stop, wait and change, where the column is used, who else is concerned, and what to do. */
export function renderImpact(report: ImpactReport, style: Style): string {
  const { table, column, change, type, models, untouched, sinks, notes, todo } = report;
  const what = change.kind === 'drop' ? 'without the column' : `as ${change.type} instead of`;
  const title = `${style.bold(printable(`${table}.${column}`))} ${what}${change.kind === 'drop' ? '' : ` ${type}`}`;
  const uses = models.flatMap((model) => useRows(model));
  const audits = models.flatMap((model) =>
    model.audits.map(({ text, where }) => [model.name, printable(text), where]),
  );
  const parts = [
    `${title}\n`,
    models.length === 0
      ? 'no model depends on it\n'
      : renderTable(
          [{ title: 'model' }, { title: 'what happens' }, { title: 'columns' }],
          models.map((model) => [model.name, effectText(model), columnsText(model)]),
          style,
        ) + style.dim(`${formatCounted(untouched, 'model')} untouched\n`),
    models
      .flatMap(({ problems }) => problems)
      .map(({ where, message }) => `${style.red('refused')} ${where} ${printable(message)}\n`)
      .join(''),
    section(
      'used at',
      [{ title: 'model' }, { title: 'column' }, { title: 'as' }, { title: 'at' }],
      uses,
      style,
    ),
    section(
      'sinks',
      [{ title: 'sink' }, { title: 'table' }, { title: 'what happens' }],
      sinks.map((sink) => [sink.sink, sink.table, printable(sink.what)]),
      style,
    ),
    section(
      'audits that read it or do not run',
      [{ title: 'model' }, { title: 'audit' }, { title: 'at' }],
      audits,
      style,
    ),
    notes.map((note) => `${style.yellow('note')} ${printable(note)}\n`).join(''),
    `what to do\n${todo.map((step, index) => `  ${index + 1}. ${printable(step)}\n`).join('')}`,
  ];
  return parts.filter((part) => part !== '').join('\n');
}

function section(
  title: string,
  columns: readonly { title: string }[],
  rows: readonly (readonly string[])[],
  style: Style,
): string {
  return rows.length === 0 ? '' : `${title}\n${renderTable(columns, rows, style)}`;
}

function effectText({ effect, decidesRows }: ModelImpact): string {
  const rows = decidesRows ? ', other rows' : '';
  if (effect === 'stops') return 'stops';
  if (effect === 'waits') return 'waits for a model that stops';
  return effect === 'changes' ? `stops until applied${rows}` : `goes on${rows}`;
}

function columnsText({ columns }: ModelImpact): string {
  return columns
    .map(({ name, type, after }) => {
      if (after === null) return `${name} goes`;
      return type === after ? name : `${name} ${type} -> ${after}`;
    })
    .map(printable)
    .join(', ');
}

function useRows({ name, uses }: ModelImpact): string[][] {
  return uses.map(({ table, column, role, where }, index) => [
    index === 0 ? name : '',
    printable(`${table}.${column}`),
    roles[role],
    where,
  ]);
}
