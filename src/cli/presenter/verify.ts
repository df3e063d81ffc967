import type { VerifyProgress, VerifyReport } from '../../pipeline/verify.ts';
import { printable } from './display-width.ts';
import { formatCount, formatCounted } from './format.ts';
import type { Style } from './style.ts';
import { renderTable } from './table.ts';

/** Keys listed for one table or model; `--json` has all. */
const keysShown = 20;

export function renderVerifyProgress({ name, done, total }: VerifyProgress): string {
  return `verifying ${done + 1} of ${total}  ${name}`;
}

export function renderVerify(report: VerifyReport, style: Style): string {
  const rows = [
    ...report.tables.map(({ table, source, rows: count, differences }) => [
      printable(source === undefined ? table : `${table} (${source})`),
      'source = ODS',
      formatCount(count),
      formatCount(differences.length),
    ]),
    ...report.layers.map(({ name, rows: count, differences }) => [
      printable(name),
      'ODS = layer',
      formatCount(count),
      formatCount(differences),
    ]),
  ];
  const columns = [
    { title: 'name' },
    { title: 'compared' },
    { title: 'rows', align: 'right' as const },
    { title: 'differences', align: 'right' as const },
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
}: VerifyReport['tables'][number]): string {
  const table = source === undefined ? routed : `${routed} (${source})`;
  const lines = differences.slice(0, keysShown).map(({ key, kind, columns }) => {
    const where = columns === undefined ? '' : ` in ${columns.join(', ')}`;
    return `  ${printable(key)}  ${wordFor[kind]}${where}\n`;
  });
  const rest = differences.length - lines.length;
  return [
    ...(differences.length === 0 ? [] : [`\n${printable(table)}, by key:\n`]),
    ...lines,
    ...(rest > 0 ? [`  and ${formatCount(rest)} more (--json lists them)\n`] : []),
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
  keys,
}: VerifyReport['layers'][number]): string {
  if (differences === 0) return '';
  const shown = keys.slice(0, keysShown).map((key) => `  ${printable(key)}\n`);
  return `\n${printable(name)}, by key:\n${shown.join('')}`;
}

function renderVerdict(report: VerifyReport, style: Style): string {
  if (report.ok) {
    const left = report.notVerified.length;
    const rest = left === 0 ? '' : `; ${formatCounted(left, 'table')} not verified`;
    return `\n${style.green('source = ODS = layers')}: 0 differences${rest}\n`;
  }
  const inTables = report.tables.reduce((sum, { differences }) => sum + differences.length, 0);
  const inLayers = report.layers.reduce((sum, { differences }) => sum + differences, 0);
  const counts = [
    `${formatCount(inTables)} in tables`,
    `${formatCount(inLayers)} in layers`,
    ...(report.stopped.length > 0
      ? [`${formatCounted(report.stopped.length, 'table')} stopped`]
      : []),
  ];
  return `\n${style.red('differences')}: ${counts.join(', ')}\n`;
}
