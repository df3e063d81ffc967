import { displayWidth } from './display-width.ts';
import type { Style } from './style.ts';

export interface TableColumn {
  readonly title: string;
  readonly align?: 'left' | 'right';
}

/** A table of text for people: a heading, a rule, aligned columns, no trailing spaces. */
export function renderTable(
  columns: readonly TableColumn[],
  rows: readonly (readonly string[])[],
  style: Style,
): string {
  const widths = columnWidths(columns, rows);
  return renderHeading(columns, widths, style) + renderRows(columns, widths, rows);
}

export function columnWidths(
  columns: readonly TableColumn[],
  rows: readonly (readonly string[])[],
): number[] {
  const widths = columns.map(({ title }) => displayWidth(title));
  for (const row of rows) {
    for (const [index, cell] of row.entries()) {
      widths[index] = Math.max(widths[index] ?? 0, displayWidth(cell));
    }
  }
  return widths;
}

export function renderHeading(
  columns: readonly TableColumn[],
  widths: readonly number[],
  style: Style,
): string {
  const titles = columns.map(({ title }) => title);
  const rule = widths.map((width) => '─'.repeat(width)).join('  ');
  return `${style.bold(renderRow(columns, widths, titles))}\n${style.dim(rule)}\n`;
}

export function renderRows(
  columns: readonly TableColumn[],
  widths: readonly number[],
  rows: readonly (readonly string[])[],
): string {
  return rows.map((row) => `${renderRow(columns, widths, row)}\n`).join('');
}

function renderRow(
  columns: readonly TableColumn[],
  widths: readonly number[],
  cells: readonly string[],
): string {
  return cells
    .map((cell, index) => {
      const padding = ' '.repeat(Math.max(0, (widths[index] ?? 0) - displayWidth(cell)));
      return columns[index]?.align === 'right' ? padding + cell : cell + padding;
    })
    .join('  ')
    .trimEnd();
}
