import type { LineageEdge } from '../../layers/lineage/lineage-graph.ts';
import { nodeKey } from '../../layers/lineage/lineage-graph.ts';
import { isDirect } from '../../layers/lineage/origin.ts';
import type { LineageReport } from '../../pipeline/lineage.ts';
import { printable } from './display-width.ts';
import {
  type Arrow,
  headHeight,
  type LineageLayout,
  layOut,
  rowHeight,
  type TableBox,
} from './lineage-layout.ts';
import { pictureEdges } from './lineage-picture.ts';

const heads = { source: '#64748b', table: '#0f766e', model: '#1d4ed8' } as const;

/** A picture that needs nothing else: a box a table, a line a column, arrows from what goes in. */
export function renderSvg(report: LineageReport): string {
  const { tables, start } = report;
  const always = start?.column === undefined ? [] : [nodeKey(start)];
  const layout = layOut(tables, pictureEdges(report), new Set(always));
  const { width, height, boxes, arrows } = layout;
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="12">`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    ...legend(layout),
    ...arrows.map(renderArrow),
    ...boxes.map((box) => renderBox(box, start)),
    '</svg>',
  ].join('\n')}\n`;
}

function legend({ boxes }: LineageLayout): string[] {
  if (boxes.length === 0) return ['<text x="24" y="32" fill="#334155">nothing flows here</text>'];
  const line = (x: number, text: string, dash: string) =>
    `<line x1="${x}" y1="28" x2="${x + 30}" y2="28" stroke="#475569" stroke-width="1.5"${dash}/><text x="${x + 38}" y="32" fill="#334155">${text}</text>`;
  return [line(24, 'goes in', ''), line(140, 'decides', ' stroke-dasharray="4 3"')];
}

function renderArrow({ edge, from, to }: Arrow): string {
  const bend = Math.max(40, (to.x - from.x) / 2);
  const path = `M${from.x} ${from.y} C${from.x + bend} ${from.y} ${to.x - bend} ${to.y} ${to.x - 6} ${to.y}`;
  const { influence, isUncertain } = edge;
  const dash = isDirect(influence) && !isUncertain ? '' : ' stroke-dasharray="4 3"';
  const color = isUncertain ? '#b45309' : isDirect(influence) ? '#475569' : '#94a3b8';
  const head = `M${to.x - 6} ${to.y - 3.5} L${to.x} ${to.y} L${to.x - 6} ${to.y + 3.5} Z`;
  const title = `<title>${escaped(describe(edge))}</title>`;
  return `<g>${title}<path d="${path}" fill="none" stroke="${color}" stroke-width="1.3"${dash}/><path d="${head}" fill="${color}"/></g>`;
}

function describe({ from, to, influence, at }: LineageEdge): string {
  const place = at === undefined ? '' : `, ${at}`;
  return `${from.table}.${from.column} → ${to.table}.${to.column}: ${influence}${place}`;
}

function renderBox(
  { table, x, y, width, height, columns }: TableBox,
  start: LineageReport['start'],
): string {
  const { kind, name } = table;
  const color = heads[kind];
  const title = kind === 'source' ? `${name} (source)` : name;
  const head = `M${x} ${y + headHeight} v${6 - headHeight} a6 6 0 0 1 6 -6 h${width - 12} a6 6 0 0 1 6 6 v${headHeight - 6} Z`;
  const isStart = start?.kind === kind && start.table === name;
  const lines = columns.map((column) => {
    const isChosen = isStart && start.column === column.name;
    const mark = isChosen
      ? `<rect x="${x + 1}" y="${column.y + 1}" width="${width - 2}" height="${rowHeight - 2}" fill="#fde68a"/>`
      : '';
    const made = table.columns.find((each) => each.name === column.name)?.expression;
    const hint = made === undefined ? '' : `<title>${escaped(made)}</title>`;
    return `${mark}<text x="${x + 12}" y="${column.y + 14}" fill="#0f172a">${hint}${escaped(column.name)}</text>`;
  });
  return [
    `<rect x="${x}" y="${y}" width="${width}" height="${height}" rx="6" fill="#f8fafc" stroke="${color}"${isStart ? ' stroke-width="2"' : ''}/>`,
    `<path d="${head}" fill="${color}"/>`,
    `<text x="${x + 12}" y="${y + 19}" fill="#ffffff" font-weight="bold">${escaped(title)}</text>`,
    ...lines,
  ].join('\n');
}

function escaped(text: string): string {
  return printable(text)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
