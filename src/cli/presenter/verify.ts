import type { DifferingColumn } from '../../layers/layers.ts';
import type { VerifyProgress, VerifyReport } from '../../pipeline/verify.ts';
import { printable } from './display-width.ts';
import { formatCount, formatCounted } from './format.ts';
import type { Style } from './style.ts';
import { renderTable } from './table.ts';

/** Keys listed for one table or model; `--json` has all. */
const keysShown = 20;
const longestValue = 60;

export function renderVerifyProgress({ name, done, total }: VerifyProgress): string {
  return `verifying ${done + 1} of ${total}  ${name}`;
}

export function renderVerify(report: VerifyReport, style: Style): string {
  const through = new Map(report.verifiedThrough.map((mark) => [mark.name, mark.position]));
  const placeOf = (name: string) => through.get(name) ?? 'nowhere yet';
  const rows = [
    ...report.tables.map(({ table, source, rows: count, differences, unlooked = 0 }) => [
      printable(source === undefined ? table : `${table} (${source})`),
      'source = ODS',
      formatCount(count),
      formatCount(differences.length + unlooked),
      placeOf(source ?? table),
    ]),
    ...report.layers.map(({ name, rows: count, differences }) => [
      printable(name),
      'ODS = layer',
      formatCount(count),
      formatCount(differences),
      placeOf(name),
    ]),
  ];
  const columns = [
    { title: 'name' },
    { title: 'compared' },
    { title: 'rows', align: 'right' as const },
    { title: 'differences', align: 'right' as const },
    { title: 'verified through' },
  ];
  return [
    renderTable(columns, rows, style),
    ...report.tables.map(renderTableDifferences),
    ...report.layers.map(renderLayerDifferences),
    ...report.stopped.map(
      ({ table, code, message }) => `\n${printable(table)} is stopped: ${message} (${code})\n`,
    ),
    ...report.notVerified.map(
      ({ table, reason }) => `\nnot verified: ${printable(table)}: ${printable(reason)}\n`,
    ),
    renderVerdict(report, style),
  ].join('');
}

function renderTableDifferences({
  table: routed,
  source,
  differences,
  moving,
  unlooked = 0,
}: VerifyReport['tables'][number]): string {
  const table = source === undefined ? routed : `${routed} (${source})`;
  const lines = differences.slice(0, keysShown).map(({ key, kind, columns, values }) => {
    const names = columns === undefined ? '' : ` in ${printable(columns.join(', '))}`;
    return `  ${printable(key)}  ${wordFor[kind]}${values ? renderColumns(values) : names}\n`;
  });
  const rest = differences.length - lines.length;
  return [
    ...(differences.length === 0 ? [] : [`\n${printable(table)}, by key:\n`]),
    ...lines,
    ...(rest > 0 ? [`  and ${formatCount(rest)} more (--json lists them)\n`] : []),
    ...(unlooked > 0
      ? [
          `\n${printable(table)}: ${formatCounted(unlooked, 'key')} differed, too many to look at each; read it anew: cdc init --tables ${printable(table)}\n`,
        ]
      : []),
    ...(moving > 0
      ? [`\n${printable(table)}: ${formatCounted(moving, 'key')} changed under every look\n`]
      : []),
  ].join('');
}

const wordFor = {
  missing: 'is missing in the warehouse',
  extra: 'is not in the source',
  different: 'differs',
} as const;

function renderLayerDifferences({
  name,
  differences,
  examples,
  error,
}: VerifyReport['layers'][number]): string {
  if (error !== undefined) return `\n${printable(name)} is not right: ${printable(error)}\n`;
  if (differences === 0) return '';
  const shown = examples.slice(0, keysShown).map(({ key, kind, columns }) => {
    const word = { ...wordFor, missing: 'is missing', extra: 'should not be there' }[kind];
    return `  ${printable(key)}  ${word}${renderColumns(columns)}\n`;
  });
  const rest = differences - shown.length;
  const more = rest > 0 ? `  and ${formatCount(rest)} more\n` : '';
  return `\n${printable(name)}, by key:\n${shown.join('')}${more}`;
}

function renderColumns(columns: readonly DifferingColumn[]): string {
  if (columns.length === 0) return '';
  const each = columns.map(
    ({ name, stored, correct }) =>
      `${printable(name)}: ${valueText(stored)}, should be ${valueText(correct)}`,
  );
  return ` in ${each.join('; ')}`;
}

function valueText(value: string | null): string {
  if (value === null) return 'NULL';
  const text = printable(value);
  return text.length > longestValue ? `${text.slice(0, longestValue)}…` : text;
}

function renderVerdict(report: VerifyReport, style: Style): string {
  if (report.ok) {
    const left = report.notVerified.length;
    const rest = left === 0 ? '' : `; ${formatCounted(left, 'table')} not verified`;
    return `\n${style.green('source = ODS = layers')}: 0 differences${rest}\n`;
  }
  const inTables = report.tables.reduce(
    (sum, { differences, unlooked = 0 }) => sum + differences.length + unlooked,
    0,
  );
  const inLayers = report.layers.reduce((sum, { differences }) => sum + differences, 0);
  const counts = [
    `${formatCount(inTables)} in tables`,
    `${formatCount(inLayers)} in layers`,
    ...(report.stopped.length > 0
      ? [`${formatCounted(report.stopped.length, 'table')} stopped`]
      : []),
  ];
  return `\n${style.red('differences')}: ${counts.join(', ')}; \`cdc repair\` mends them\n`;
}
