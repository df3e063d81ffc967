import type { AddedTopic, TopicReport } from '../../pipeline/topics.ts';
import { formatCount, formatCounted } from './format.ts';
import type { Style } from './style.ts';
import { renderTable } from './table.ts';

export function renderTopics({ topics }: { topics: readonly TopicReport[] }, style: Style): string {
  if (topics.length === 0) return 'There are no topics.\n';
  const columns = [
    { title: 'topic' },
    { title: 'partitions', align: 'right' },
    { title: 'messages', align: 'right' },
    { title: 'format' },
    { title: 'tables' },
    { title: 'in project' },
  ] as const;
  const rows = topics.map(({ topic, partitions, messages, tables, isTaken }) => [
    topic,
    formatCount(partitions),
    formatCount(messages),
    [...new Set(tables.map(({ format }) => format))].join(', ') || '-',
    tables.map(({ table }) => table).join(', ') || '-',
    isTaken ? 'yes' : '',
  ]);
  const details = topics.filter(({ tables }) => tables.length > 0);
  return (
    renderTable(columns, rows, style) + details.map((topic) => renderDetail(topic, style)).join('')
  );
}

function renderDetail({ topic, sampled, unreadable, tables }: TopicReport, style: Style): string {
  const lines = tables.flatMap(({ table, columns, key, version, messages, notes }) => [
    `  ${style.bold(table)} from ${formatCounted(messages, 'message')}, key ${key?.join(', ') ?? '-'}, order by ${version}`,
    ...columns.map(({ name, type, path, encoding }) => {
      const from = path === undefined ? '' : ` from ${path.join('.')}`;
      const as = encoding === undefined ? '' : style.dim(` as ${encoding}`);
      return `    ${name} ${type}${from}${as}`;
    }),
    ...notes.map((note) => `    ${style.yellow('note')} ${note}`),
  ]);
  const wrong = unreadable === 0 ? '' : `, ${formatCount(unreadable)} no JSON object`;
  return `\n${style.bold(topic)} ${formatCounted(sampled, 'message')} looked at${wrong}\n${lines.join('\n')}\n`;
}

export function renderAddedTopic(added: AddedTopic, style: Style): string {
  const { file, entries, sampled, unreadable, notes, topic } = added;
  const wrong = unreadable === 0 ? '' : `, of which ${formatCount(unreadable)} are no JSON object`;
  return [
    `${style.green('added')} ${topic} to ${file}, from ${formatCounted(sampled, 'message')}${wrong}\n`,
    ...entries.map(
      ({ table, format, columns, key }) =>
        `  ${table} ${format}, ${columns === undefined ? 'columns as messages say' : formatCounted(columns.length, 'column')}, key ${key?.join(', ') ?? 'as messages say'}\n`,
    ),
    ...[...new Set(notes)].map((note) => `${style.yellow('note')} ${note}\n`),
    'next: `cdc check`, then `cdc run` (`cdc init` the first time)\n',
  ].join('');
}
