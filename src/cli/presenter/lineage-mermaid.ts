import { nodeKey } from '../../layers/lineage/lineage-graph.ts';
import { isDirect } from '../../layers/lineage/origin.ts';
import type { LineageReport } from '../../pipeline/lineage.ts';
import { pictureEdges } from './lineage-picture.ts';

/** A Mermaid flowchart: a box a table, a node a column; a dotted arrow decides, a full one goes in. */
export function renderMermaid(report: LineageReport): string {
  const { tables, start } = report;
  const values = pictureEdges(report);
  const used = new Set(values.flatMap(({ from, to }) => [nodeKey(from), nodeKey(to)]));
  if (start?.column !== undefined) used.add(nodeKey(start));
  const ids = new Map([...used].map((key, index) => [key, `c${index}`]));
  const boxes = tables.flatMap(({ kind, name, columns }, index) => {
    const own = columns.flatMap((column) => {
      const id = ids.get(nodeKey({ kind, table: name, column: column.name }));
      return id === undefined ? [] : [`    ${id}["${escaped(column.name)}"]`];
    });
    if (own.length === 0) return [];
    const title = kind === 'source' ? `${name} (source)` : name;
    return [`  subgraph t${index}["${escaped(title)}"]`, ...own, '  end'];
  });
  const arrows = values.map(({ from, to, influence }) => {
    const arrow = isDirect(influence) ? '-->' : '-.->';
    return `  ${ids.get(nodeKey(from))} ${arrow} ${ids.get(nodeKey(to))}`;
  });
  return `${['flowchart LR', ...boxes, ...new Set(arrows)].join('\n')}\n`;
}

function escaped(text: string): string {
  return text.replaceAll('#', '#35;').replaceAll('"', '#quot;').replaceAll('<', '#lt;');
}
