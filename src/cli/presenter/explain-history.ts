import type {
  Cause,
  ColumnChange,
  Effect,
  Explanation,
  HistoryStep,
  MovedLevel,
  MoveKind,
  RowHistory,
} from '../../layers/explain/explanation.ts';
import { printable } from './display-width.ts';
import {
  commitText,
  countOf,
  indent,
  readerName,
  renderCut,
  renderKey,
  shortText,
} from './explain-words.ts';
import { formatCounted } from './format.ts';
import type { Style } from './style.ts';
import { renderTable } from './table.ts';

/** Causes told for one step; `--json` has more. */
const causesTold = 5;
/** Columns told of one row that was written. */
const columnsTold = 6;

/** The story first, then the rows that moved. */
export function renderHistory(
  { model }: Explanation,
  history: RowHistory,
  style: Style,
  now: Date,
): string {
  const { steps, omitted, begins, since } = history;
  const from = since === null ? 'as far back as history is kept' : `since ${renderCut(since, now)}`;
  const notes = [
    ...(omitted > 0 ? [`${formatCounted(omitted, 'earlier change')} not shown (--limit)\n`] : []),
    ...(begins === null ? [] : [`Its history is kept from ${renderCut(begins, now)} on.\n`]),
  ].join('');
  if (steps.length === 0) return `It has not changed ${from}.\n${notes}`;
  const story = steps.map((step) => renderStep(model, step, style, now)).join('');
  const tables = steps.flatMap((step) =>
    step.levels.flatMap((level) => renderMoved(level, step, style, now)),
  );
  return [story + notes, ...tables].join('\n');
}

function renderStep(model: string, step: HistoryStep, style: Style, now: Date): string {
  const { kind, columns, cut, sumSince, causes, causesOmitted, levels } = step;
  const what =
    kind === 'changed'
      ? changesText(columns)
      : `${stepWords[kind]}: ${statesText(columns, kind === 'appeared' ? 'to' : 'from')}`;
  const told = causes.slice(0, causesTold);
  const rest = causes.length - told.length + causesOmitted;
  const lines = [
    ...told.map((cause) => `  - ${causeText(model, cause, now)}\n`),
    ...(rest > 0 ? [`  - and ${formatCounted(rest, 'other changed row')} of the source\n`] : []),
    ...levels
      .filter(({ by }) => by === 'all')
      .map(({ reader, name, total }) => `  - ${wholeText(reader, name, total)}\n`),
  ];
  const unknown = '  - which rows of the source did it is not kept any more\n';
  const body = lines.length > 0 ? lines.join('') : unknown;
  const sum = sumSince ? `, the sum of all changes since ${renderCut(sumSince, now)}` : '';
  return `${style.bold(what)} at ${renderCut(cut, now)}${sum}\n${body}`;
}

const stepWords = { appeared: 'appeared', vanished: 'vanished' } as const;

function wholeText(reader: string, name: string, total: number): string {
  return `${readerName(reader)} depends on all of ${readerName(name)}, of which ${formatCounted(total, 'row')} changed`;
}

function causeText(model: string, cause: Cause, now: Date): string {
  const { table, key, place, level, effect } = cause;
  const when = place === undefined ? undefined : commitText(place, now);
  const where =
    place === undefined
      ? 'changed again since, so where is not kept'
      : `${printable(place.position)}${when ? `, ${when}` : ''}`;
  const text = effectText(effect, level);
  const hint = text === '' ? `: ${readerName(level)} depends on the whole table` : `: ${text}`;
  const moved = level === model && text !== '' ? '' : hint;
  return `${printable(table)} ${renderKey(key)} ${whatHappened(cause)} (${where})${moved}`;
}

function whatHappened({ kind, columns }: Cause): string {
  if (kind === 'deleted') return 'was deleted';
  if (kind === 'changed') return `changed ${changesText(columns)}`;
  const shown = statesText(columns.slice(0, columnsTold), 'to');
  return `is new or was changed${shown === '' ? '' : ` to ${shown}`}`;
}

function changesText(columns: readonly ColumnChange[]): string {
  return columns
    .map(({ column, from, to }) => `${printable(column)} ${shortText(from)} -> ${shortText(to)}`)
    .join(', ');
}

function statesText(columns: readonly ColumnChange[], side: 'from' | 'to'): string {
  return columns
    .map((change) => `${printable(change.column)} ${shortText(change[side])}`)
    .join(', ');
}

const moveWords: Readonly<Record<MoveKind, string>> = {
  entered: 'came in',
  left: 'left',
  movedIn: 'moved here',
  movedOut: 'moved away',
  changed: 'changed',
};

/** `2 rows of dwd.order_wide moved away, 1 came in`. */
function effectText(effect: Effect, level: string): string {
  const parts = (Object.keys(moveWords) as MoveKind[])
    .filter((kind) => effect[kind] > 0)
    .map((kind, index) => {
      const count = effect[kind];
      const of = index === 0 ? countOf(count, level) : count;
      return `${of} ${moveWords[kind]}`;
    });
  return parts.join(', ');
}

function renderMoved(level: MovedLevel, { cut }: HistoryStep, style: Style, now: Date): string[] {
  const { rows, total, effect } = level;
  if (rows.length === 0 || level.by === 'all') return [];
  if (level.kind === 'stage' && level.by === 'key') return [];
  const keys = Object.keys(rows[0]?.key ?? {});
  const columns = [...new Set(rows.flatMap((row) => row.columns.map(({ column }) => column)))];
  const shown = columns.filter((column) => !keys.includes(column));
  const table = renderTable(
    [...keys, '', ...shown].map((title) => ({ title: printable(title) })),
    rows.map(({ key, kind, columns: changes }) => [
      ...keys.map((column) => shortText(key[column] ?? null)),
      moveWords[kind],
      ...shown.map((column) =>
        cellText(
          changes.find((change) => change.column === column),
          kind,
        ),
      ),
    ]),
    style,
  );
  const rest = total - rows.length;
  const more = rest > 0 ? `and ${formatCounted(rest, 'more row')}\n` : '';
  const title = `${style.bold(effectText(effect, level.name))} at ${renderCut(cut, now)}\n`;
  return [title + indent(table + more)];
}

function cellText(change: ColumnChange | undefined, kind: MoveKind): string {
  if (change === undefined) return '';
  if (kind === 'entered') return shortText(change.to);
  if (kind === 'left') return shortText(change.from);
  return `${shortText(change.from)} -> ${shortText(change.to)}`;
}
