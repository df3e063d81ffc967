import { type LineageEdge, nodeKey } from '../../layers/lineage/lineage-graph.ts';
import { groupBy } from '../../lib/group-by.ts';
import type { LineageReport } from '../../pipeline/lineage.ts';

/**
 * What a picture shows: values that flow into columns. What only decides which rows there are would tie
 * everything to everything, and a captured table that is called as in the source is one box, not two.
 */
export function pictureEdges({ edges, start, tables }: LineageReport): LineageEdge[] {
  const values = edges.filter(({ from, to }) => to.column !== undefined && !isSameTable(from, to));
  if (start === undefined) return values;
  const own = tables.find(({ kind, name }) => kind === start.kind && name === start.table);
  const columns =
    start.column === undefined ? (own?.columns ?? []).map(({ name }) => name) : [start.column];
  const nodes = columns.map((column) => nodeKey({ kind: start.kind, table: start.table, column }));
  const up = reached(
    nodes,
    values,
    ({ to }) => nodeKey(to),
    ({ from }) => nodeKey(from),
  );
  const down = reached(
    nodes,
    values,
    ({ from }) => nodeKey(from),
    ({ to }) => nodeKey(to),
  );
  return values.filter((edge) => up.has(edge) || down.has(edge));
}

export function isSameTable(from: LineageEdge['from'], to: LineageEdge['to']): boolean {
  return from.kind === 'source' && from.table === to.table && from.column === to.column;
}

/** Edges on the ways from some nodes in one direction. */
function reached(
  nodes: readonly string[],
  edges: readonly LineageEdge[],
  near: (edge: LineageEdge) => string,
  far: (edge: LineageEdge) => string,
): Set<LineageEdge> {
  const byNode = groupBy(edges, near);
  const found = new Set<LineageEdge>();
  for (const waiting = [...nodes]; waiting.length > 0; ) {
    for (const edge of byNode.get(waiting.pop() ?? '') ?? []) {
      if (found.has(edge)) continue;
      found.add(edge);
      waiting.push(far(edge));
    }
  }
  return found;
}
