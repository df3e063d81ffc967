import type {
  LetterDetails,
  LetterReplayReport,
  LetterReport,
} from '../../pipeline/dead-letters.ts';
import { printable } from './display-width.ts';
import { formatBytes, formatCounted, formatDuration } from './format.ts';
import type { Style } from './style.ts';
import { renderTable } from './table.ts';

/** Letters listed; `--json` has all. */
const lettersShown = 200;

export function renderLetters(
  letters: readonly LetterReport[],
  nowMs: number,
  style: Style,
): string {
  if (letters.length === 0) return 'no dead letters\n';
  const columns = [
    { title: 'id' },
    { title: 'table' },
    { title: 'message' },
    { title: 'age', align: 'right' as const },
    { title: 'reason' },
  ];
  const rows = letters
    .slice(0, lettersShown)
    .map((letter) => [
      letter.id,
      printable(letter.table),
      placeOf(letter),
      formatDuration((nowMs - Date.parse(letter.receivedAt)) / 1000),
      printable(letter.reason),
    ]);
  const rest = letters.length - rows.length;
  return (
    renderTable(columns, rows, style) +
    (rest > 0 ? `and ${formatCounted(rest, 'letter')} more (--json lists them)\n` : '')
  );
}

export function renderLetter(letter: LetterDetails, style: Style): string {
  const facts = [
    ['table', printable(letter.table)],
    ['message', `${placeOf(letter)}, ${letter.messageAt}, ${formatBytes(letter.bytes)}`],
    ['received', letter.receivedAt],
    ['format', `${letter.layout.format}, version by ${letter.layout.version}`],
    ['reason', printable(letter.reason)],
  ];
  const lines = facts.map(([name = '', value]) => `${style.dim(name.padEnd(9))} ${value}\n`);
  return `${lines.join('')}\n${printable(letter.message)}\n`;
}

export function renderLetterReplay(report: LetterReplayReport, style: Style): string {
  const { written, failed, models } = report;
  const note = models === 'waiting' ? '; models over them wait for `cdc run --only layers`' : '';
  const done = `${style.green('replayed')} ${formatCounted(written, 'letter')}${note}\n`;
  if (failed.length === 0) return done;
  const rows = failed
    .slice(0, lettersShown)
    .map((letter) => [
      letter.id,
      printable(letter.table),
      placeOf(letter),
      printable(letter.reason),
    ]);
  const columns = ['id', 'table', 'message', 'reason'].map((title) => ({ title }));
  const count = `${formatCounted(failed.length, 'letter')} still ${failed.length === 1 ? 'does' : 'do'} not fit`;
  return `${done}${style.red(count)}\n\n${renderTable(columns, rows, style)}`;
}

export function renderDropped(letters: readonly LetterReport[], style: Style): string {
  return `${style.green('dropped')} ${formatCounted(letters.length, 'letter')}\n`;
}

/** `topic:partition:offset` */
function placeOf({ queue, partition, offset }: LetterReport): string {
  return printable(`${queue}:${partition}:${offset}`);
}
