import type { InitProgress, InitReport } from '../../pipeline/init.ts';
import { formatCount, formatCounted, formatDuration } from './format.ts';
import type { Style } from './style.ts';

const barCells = 24;

/** `snapshot ███████░░░  61%  122,100 of 200,000 rows  231,000 rows/s  0:03 left  4 of 12 tables` */
export function renderInitProgress(progress: InitProgress): string {
  const { phase, rows, rowsExpected, rowsPerSecond, secondsLeft } = progress;
  const tables = `${progress.tablesDone} of ${formatCounted(progress.tables, 'table')}`;
  if (phase === 'catchup') return `loading   ${formatCount(rows)} rows read, ${tables}`;
  if (phase === 'layers') return `layers    building models from ${formatCount(rows)} rows`;
  // The server's statistics are an estimate, so the bar is full only when every table is done.
  const share = rowsExpected === 0 ? 0 : Math.min(0.99, rows / rowsExpected);
  const filled = Math.round(share * barCells);
  return [
    `snapshot ${'█'.repeat(filled)}${'░'.repeat(barCells - filled)} ${String(Math.floor(share * 100)).padStart(3)}%`,
    `${formatCount(rows)} of ${formatCount(rowsExpected)} rows`,
    `${formatCount(rowsPerSecond)} rows/s`,
    ...(secondsLeft === null ? [] : [`${formatDuration(secondsLeft)} left`]),
    tables,
  ].join('  ');
}

export function renderInit(report: InitReport, style: Style): string {
  const { tables, rows, seconds, status, interrupted } = report;
  const rate = formatCount(rows / Math.max(seconds, 0.001));
  const took = `${formatDuration(seconds)} (${rate} rows/s)`;
  if (interrupted) {
    return `${style.yellow('stopped')} after ${formatCount(rows)} rows; \`cdc init\` goes on from here\n`;
  }
  const left = status.errors.flatMap(({ table, message }) =>
    table === undefined ? [] : [`${style.red('not loaded')}: ${table}: ${message}\n`],
  );
  return (
    left.join('') +
    `${style.green('snapshot done')}: ${formatCounted(tables, 'table')}, ` +
    `${formatCount(rows)} rows in ${took}, ${formatCounted(status.layers.length, 'model')} built\n` +
    'next: `cdc run` follows the source from here\n'
  );
}
