import type { InitSinkProgress, InitSinkReport } from '../../pipeline/init-sink.ts';
import type { SinkLetterReplay } from '../../pipeline/sink-letters.ts';
import type {
  SinkRepairReport,
  SinkTableVerification,
  SinkVerifyReport,
} from '../../pipeline/verify-sink.ts';
import type { DeadRow } from '../../sink/dead-rows.ts';
import { printable } from './display-width.ts';
import { formatCount, formatCounted, formatDuration } from './format.ts';
import type { Style } from './style.ts';
import { renderTable } from './table.ts';

/** Keys and letters listed; `--json` has all. */
const shown = 20;

export function renderInitSinkProgress({ table, done, tables, rows }: InitSinkProgress): string {
  return `filling ${done + 1} of ${formatCounted(tables, 'table')}  ${printable(table)}  ${formatCount(rows)} rows`;
}

export function renderInitSink(report: InitSinkReport, style: Style): string {
  const { sink, tables, seconds, isHandedOver, isDryRun } = report;
  if (isDryRun) {
    return tables
      .map(({ table, statements = [] }) => {
        const lines = statements.map((statement) => `${statement}\n`);
        return `${style.dim(`-- ${table}`)}\n${lines.length === 0 ? '-- nothing to do\n' : lines.join('')}`;
      })
      .join('\n');
  }
  if (isHandedOver) {
    const count = formatCounted(tables.length, 'table');
    return `${style.green('begun anew')}: ${count} of ${sink}; the process that runs fills them, \`cdc status\` shows how far\n`;
  }
  const rows = tables.reduce((sum, each) => sum + each.rows, 0);
  const refused = tables.reduce((sum, each) => sum + each.refused, 0);
  const rate = formatCount(rows / Math.max(seconds, 0.001));
  const letters =
    refused === 0
      ? ''
      : `${style.yellow(formatCounted(refused, 'row'))} refused; see \`cdc deadletter list --sink ${sink}\`\n`;
  return (
    `${style.green('filled')} ${sink}: ${formatCounted(tables.length, 'table')}, ` +
    `${formatCount(rows)} rows in ${formatDuration(seconds)} (${rate} rows/s)\n${letters}`
  );
}

export function renderVerifySink(report: SinkVerifyReport, style: Style): string {
  const rows = report.tables.map((each) => [
    printable(each.table),
    printable(each.target),
    each.isComputedInStore ? 'checksums in the store' : 'rows read back',
    formatCount(each.rows),
    each.error === undefined ? formatCount(each.differences.length) : 'not compared',
  ]);
  const columns = [
    { title: 'table' },
    { title: `in ${report.sink}` },
    { title: 'compared by' },
    { title: 'rows', align: 'right' as const },
    { title: 'differences', align: 'right' as const },
  ];
  const count = report.tables.reduce((sum, { differences }) => sum + differences.length, 0);
  const verdict = report.ok
    ? `\n${style.green(`warehouse = ${report.sink}`)}: 0 differences\n`
    : `\n${style.red('differences')}: ${formatCount(count)}; \`cdc repair --sink ${report.sink}\` sends them again\n`;
  return [
    renderTable(columns, rows, style),
    ...report.tables.map(renderTableDifferences),
    verdict,
  ].join('');
}

function renderTableDifferences({
  table,
  differences,
  moving,
  error,
}: SinkTableVerification): string {
  const lines = differences.slice(0, shown).map(({ key, kind, columns }) => {
    const where = columns.length === 0 ? '' : ` in ${columns.join(', ')}`;
    return `  ${printable(key)}  ${wordFor[kind]}${where}\n`;
  });
  const rest = differences.length - lines.length;
  return [
    ...(error === undefined ? [] : [`\n${printable(table)}: ${printable(error)}\n`]),
    ...(lines.length === 0 ? [] : [`\n${printable(table)}, by key:\n`, ...lines]),
    ...(rest > 0 ? [`  and ${formatCount(rest)} more (--json lists them)\n`] : []),
    ...(moving > 0
      ? [
          `\n${printable(table)}: changes of ${formatCounted(moving, 'key')} were still on their way\n`,
        ]
      : []),
  ].join('');
}

const wordFor = {
  missing: 'is missing in the store',
  extra: 'is not in the warehouse',
  different: 'differs',
} as const;

export function renderRepair({ repaired, after }: SinkRepairReport, style: Style): string {
  const lines = repaired.map(
    ({ table, keys }) => `${printable(table)}: ${formatCounted(keys, 'key')} sent again\n`,
  );
  return `${lines.length === 0 ? 'nothing to repair\n' : lines.join('')}\n${renderVerifySink(after, style)}`;
}

export function renderSinkLetters(letters: readonly DeadRow[], style: Style): string {
  if (letters.length === 0) return 'no dead letters\n';
  const columns = [{ title: 'table' }, { title: 'key' }, { title: 'since' }, { title: 'reason' }];
  const rows = letters
    .slice(0, shown * 10)
    .map(({ table, key, at, reason }) => [printable(table), printable(key), at, printable(reason)]);
  const rest = letters.length - rows.length;
  const more = rest > 0 ? `and ${formatCounted(rest, 'letter')} more (--json lists them)\n` : '';
  return renderTable(columns, rows, style) + more;
}

export function renderSinkReplay(report: SinkLetterReplay, style: Style): string {
  const done = `${style.green('replayed')} ${formatCounted(report.written, 'row')}\n`;
  if (report.failed.length === 0) return done;
  return `${done}${style.red('refused again')}:\n${renderSinkLetters(report.failed, style)}`;
}

export function renderSinkDropped(letters: readonly DeadRow[]): string {
  return `dropped ${formatCounted(letters.length, 'letter')}\n`;
}
