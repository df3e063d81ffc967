import {
  type LineageEdge,
  type LineageTable,
  nodeKey,
} from '../../layers/lineage/lineage-graph.ts';
import { displayWidth } from './display-width.ts';

/** A table in the picture; `columns` are those with an arrow. */
export interface TableBox {
  readonly table: LineageTable;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly columns: readonly { readonly name: string; readonly y: number }[];
}

export interface LineageLayout {
  readonly width: number;
  readonly height: number;
  readonly boxes: readonly TableBox[];
  readonly arrows: readonly Arrow[];
}

export interface Arrow {
  readonly edge: LineageEdge;
  readonly from: Point;
  readonly to: Point;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

export const rowHeight = 20;
export const headHeight = 28;
const characterWidth = 7.3;
const columnGap = 110;
const boxGap = 26;
const margin = 24;
const legendHeight = 34;

/**
 * Tables in columns, each to the right of all it reads; within a column, near the middle of what they
 * are joined to. Four sweeps to and fro settle the order.
 */
export function layOut(
  tables: readonly LineageTable[],
  edges: readonly LineageEdge[],
  always: ReadonlySet<string> = new Set(),
): LineageLayout {
  const used = new Set(edges.flatMap(({ from, to }) => [nodeKey(from), nodeKey(to)]));
  const columnsOf = ({ kind, name, columns }: LineageTable) =>
    columns.filter((column) => {
      const key = nodeKey({ kind, table: name, column: column.name });
      return used.has(key) || always.has(key);
    });
  const shown = tables.filter((table) => columnsOf(table).length > 0);
  const ranks = rankTables(shown, edges);
  const layers: LineageTable[][] = [];
  for (const table of shown) {
    const rank = ranks.get(keyOf(table)) ?? 0;
    const layer = layers[rank];
    if (layer === undefined) layers[rank] = [table];
    else layer.push(table);
  }
  sortLayers(layers, edges);
  const heightOf = (table: LineageTable) => headHeight + columnsOf(table).length * rowHeight;
  const filled = layers.filter((layer) => layer !== undefined);
  const heights = filled.map((layer) => {
    return layer.reduce((sum, table) => sum + heightOf(table) + boxGap, -boxGap);
  });
  const height = Math.max(0, ...heights);
  const boxes: TableBox[] = [];
  let x = margin;
  for (const [rank, layer] of filled.entries()) {
    const width = Math.max(...layer.map((table) => widthOf(table, columnsOf(table))));
    let y = margin + legendHeight + (height - (heights[rank] ?? 0)) / 2;
    for (const table of layer) {
      const columns = columnsOf(table).map(({ name }, index) => {
        return { name, y: y + headHeight + index * rowHeight };
      });
      boxes.push({ table, x, y, width, height: heightOf(table), columns });
      y += heightOf(table) + boxGap;
    }
    x += width + columnGap;
  }
  return {
    width: Math.max(x - columnGap, 320) + margin,
    height: height + 2 * margin + legendHeight,
    boxes,
    arrows: arrowsBetween(boxes, edges),
  };
}

function keyOf({ kind, name }: LineageTable): string {
  return nodeKey({ kind, table: name });
}

function tableKey({ kind, table }: LineageEdge['to']): string {
  return nodeKey({ kind, table });
}

/** The longest way from a table that reads nothing. */
function rankTables(
  tables: readonly LineageTable[],
  edges: readonly LineageEdge[],
): Map<string, number> {
  const ranks = new Map(tables.map((table) => [keyOf(table), 0]));
  const pairs = [...new Set(edges.map((edge) => `${tableKey(edge.from)}\n${tableKey(edge.to)}`))];
  // As many rounds as tables at most: nothing reads in a circle.
  for (let round = 0; round < tables.length; round += 1) {
    let isSettled = true;
    for (const pair of pairs) {
      const [from = '', to = ''] = pair.split('\n');
      const wanted = (ranks.get(from) ?? 0) + 1;
      if (wanted <= (ranks.get(to) ?? 0)) continue;
      ranks.set(to, wanted);
      isSettled = false;
    }
    if (isSettled) break;
  }
  return ranks;
}

function sortLayers(layers: LineageTable[][], edges: readonly LineageEdge[]): void {
  const neighbours = new Map<string, string[]>();
  for (const edge of edges) {
    const [from, to] = [tableKey(edge.from), tableKey(edge.to)];
    neighbours.set(from, [...(neighbours.get(from) ?? []), to]);
    neighbours.set(to, [...(neighbours.get(to) ?? []), from]);
  }
  const places = new Map<string, number>();
  const note = (layer: readonly LineageTable[]) => {
    for (const [index, table] of layer.entries()) {
      places.set(keyOf(table), (index + 0.5) / layer.length);
    }
  };
  for (const layer of layers) note(layer);
  for (let sweep = 0; sweep < 4; sweep += 1) {
    for (const layer of sweep % 2 === 0 ? layers : layers.toReversed()) {
      const middle = (table: LineageTable) => {
        const found = (neighbours.get(keyOf(table)) ?? []).map((key) => places.get(key) ?? 0);
        return found.reduce((sum, place) => sum + place, 0) / Math.max(found.length, 1);
      };
      const middles = new Map(layer.map((table) => [table, middle(table)]));
      layer.sort((left, right) => (middles.get(left) ?? 0) - (middles.get(right) ?? 0));
      note(layer);
    }
  }
}

function widthOf({ name, kind }: LineageTable, columns: readonly { name: string }[]): number {
  const title = displayWidth(kind === 'source' ? `${name} (source)` : name) * 1.06;
  const widest = Math.max(title, ...columns.map((column) => displayWidth(column.name)));
  return Math.ceil(widest * characterWidth) + 24;
}

function arrowsBetween(boxes: readonly TableBox[], edges: readonly LineageEdge[]): Arrow[] {
  const rows = new Map<string, { left: Point; right: Point }>();
  for (const { table, x, width, columns } of boxes) {
    for (const { name, y } of columns) {
      const middle = y + rowHeight / 2;
      const key = nodeKey({ kind: table.kind, table: table.name, column: name });
      rows.set(key, { left: { x, y: middle }, right: { x: x + width, y: middle } });
    }
  }
  return edges.flatMap((edge) => {
    const from = rows.get(nodeKey(edge.from));
    const to = rows.get(nodeKey(edge.to));
    return from && to ? [{ edge, from: from.right, to: to.left }] : [];
  });
}
