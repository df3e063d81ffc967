import type { Explanation, SourceLevel, Values } from '../../layers/explain/explanation.ts';
import { printable } from './display-width.ts';
import { renderHistory } from './explain-history.ts';
import {
  commitText,
  indent,
  readerName,
  renderCut,
  renderKey,
  renderLevelName,
  shortText,
} from './explain-words.ts';
import { formatCount, formatCounted } from './format.ts';
import type { Style } from './style.ts';
import { renderTable } from './table.ts';

/** What `layers explain` found, for people; times are local ones. */
export function renderExplanation(
  explanation: Explanation,
  style: Style,
  now = new Date(),
): string {
  const { model, found, values, levels, history } = explanation;
  if (found === 'none') {
    return `${printable(model)} has no such row, and as far back as its history goes it had none.\n`;
  }
  if (found === 'several') return renderCandidates(explanation, style);
  const parts = [renderTitle(explanation, style, now)];
  if (history === undefined) {
    parts.push(
      renderValues(values ?? {}),
      ...(levels ?? []).filter(isTold).map((level) => renderLevel(level, style, now)),
    );
  } else {
    parts.push(renderHistory(explanation, history, style, now));
  }
  return parts.join('\n');
}

function renderCandidates({ model, candidates = [], hasMore }: Explanation, style: Style): string {
  const names = Object.keys(candidates[0] ?? {});
  const rows = candidates.map((key) => names.map((name) => shortText(key[name] ?? null)));
  const table = renderTable(
    names.map((title) => ({ title })),
    rows,
    style,
  );
  const count = `${formatCounted(candidates.length, 'row')}${hasMore ? ' and more' : ''}`;
  return `${count} of ${printable(model)} fit; say which by --key:\n\n${table}`;
}

function renderTitle(explanation: Explanation, style: Style, now: Date): string {
  const { model, key = {}, description, goneAt, found, history } = explanation;
  const title = `${style.bold(printable(model))}  ${renderKey(key)}\n`;
  const about = description === null ? '' : `${style.dim(printable(description))}\n`;
  const since = goneAt ? ` since ${renderCut(goneAt, now)}` : '';
  const last = history === undefined ? '; as it was last:' : '';
  const gone = found === 'gone' ? `${style.yellow('The row is gone')}${since}${last}\n` : '';
  return title + about + gone;
}

function renderValues(values: Values): string {
  const width = Math.max(...Object.keys(values).map((name) => name.length), 0);
  const lines = Object.entries(values).map(([name, value]) => {
    return `  ${printable(name).padEnd(width)}  ${shortText(value)}\n`;
  });
  return lines.join('');
}

/** A hidden stage that only looks rows up shows what the rows below it show. */
function isTold({ kind, by }: SourceLevel): boolean {
  return kind !== 'stage' || by === 'group';
}

function renderLevel(level: SourceLevel, style: Style, now: Date): string {
  const { reader, kind, by, total, rows } = level;
  const what = renderLevelName(level);
  if (by === 'all') {
    return `${style.bold(what)}: ${readerName(reader)} depends on all ${formatCounted(total, 'row')} of it\n`;
  }
  const count =
    rows.length < total
      ? `${formatCount(rows.length)} of ${formatCount(total)}`
      : formatCount(total);
  const noun = total === 1 ? 'row' : 'rows';
  const title = `${style.bold(what)}: ${count} ${noun}${kind === 'table' ? `, read by ${readerName(reader)}` : ''}\n`;
  if (rows.length === 0) {
    return kind === 'table' ? `${title}  there is none with that key (yet)\n` : title;
  }
  const keys = Object.keys(rows[0]?.key ?? {});
  const columns = Object.keys(rows[0]?.values ?? {}).filter((column) => !keys.includes(column));
  const places = kind === 'table' ? ['last changed', 'committed'] : [];
  const table = renderTable(
    [...keys, ...columns, ...places].map((title) => ({ title: printable(title) })),
    rows.map(({ key, values, place }) => [
      ...keys.map((column) => shortText(key[column] ?? null)),
      ...columns.map((column) => shortText(values[column] ?? null)),
      ...(kind === 'table' ? [place?.position ?? '', place ? commitText(place, now) : ''] : []),
    ]),
    style,
  );
  return title + indent(table);
}
