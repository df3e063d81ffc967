import {
  type ColumnNode,
  type LineageEdge,
  type LineageGraph,
  type LineageTable,
  nodeKey,
} from './lineage-graph.ts';
import type { Doubt } from './model-lineage.ts';

export interface LineageSelection {
  /** A table, or one column of it; everything without. */
  readonly table?: string;
  readonly column?: string;
  readonly up: boolean;
  readonly down: boolean;
  /** Steps from table to table; without a limit when absent. */
  readonly depth?: number;
}

/** A part of the lineage of a project: where something comes from, and where it goes. */
export interface LineagePart {
  readonly start?: {
    readonly kind: LineageTable['kind'];
    readonly table: string;
    readonly column?: string;
  };
  /** Those that occur in the edges, and the start; in order of the flow. */
  readonly tables: readonly LineageTable[];
  readonly edges: readonly LineageEdge[];
  /** Models whose rows are decided by the start, directly or through other models. */
  readonly rowsOf: readonly string[];
  /** What could not be told for certain, in the models that occur. */
  readonly doubts: readonly (Doubt & { readonly model: string; readonly where: string })[];
}

/** Edges around the columns of the selection, step by step, with what decides the rows of each model. */
export function selectEdges(
  graph: LineageGraph,
  { table: name, column, up, down, depth = Number.POSITIVE_INFINITY }: LineageSelection,
): Pick<LineagePart, 'tables' | 'edges' | 'rowsOf'> {
  const table = name === undefined ? undefined : graph.table(name);
  if (table === undefined) return { tables: graph.tables, edges: graph.edges, rowsOf: [] };
  const { kind } = table;
  const columns = column === undefined ? table.columns.map((each) => each.name) : [column];
  const start = columns.map((each): ColumnNode => ({ kind, table: table.name, column: each }));
  const above = up ? edgesAbove(graph, start, depth) : new Set<LineageEdge>();
  const below = down ? edgesBelow(graph, start, depth) : new Set<LineageEdge>();
  const edges = graph.edges.filter((edge) => above.has(edge) || below.has(edge));
  const occurring = new Set([tableKey(table), ...edges.flatMap(tableKeysOf)]);
  return {
    tables: graph.tables.filter((each) => occurring.has(tableKey(each))),
    edges,
    rowsOf: decidedRows(graph, below, depth),
  };
}

/** Above a column is also what decides the rows of its table. */
function edgesAbove(graph: LineageGraph, start: readonly ColumnNode[], depth: number) {
  const edgesOf = (node: ColumnNode) => {
    const { kind, table } = node;
    return [...graph.up(node), ...graph.up({ kind, table })];
  };
  return collect(start, depth, edgesOf, ({ from }) => [from]);
}

function edgesBelow(graph: LineageGraph, start: readonly ColumnNode[], depth: number) {
  const edgesOf = (node: ColumnNode) => graph.down(node);
  return collect(start, depth, edgesOf, ({ to: { kind, table, column } }) => {
    return column === undefined ? [] : [{ kind, table, column }];
  });
}

/** The edges of nodes, and of those behind them, for so many steps. */
function collect(
  start: readonly ColumnNode[],
  depth: number,
  edgesOf: (node: ColumnNode) => Iterable<LineageEdge>,
  behind: (edge: LineageEdge) => readonly ColumnNode[],
): Set<LineageEdge> {
  const edges = new Set<LineageEdge>();
  const seen = new Set<string>();
  let nodes = start;
  for (let step = 0; step < depth && nodes.length > 0; step += 1) {
    const keyed = nodes.map((node) => [nodeKey(node), node] as const);
    const fresh = new Map(keyed.filter(([key]) => !seen.has(key)));
    for (const key of fresh.keys()) seen.add(key);
    const found = [...fresh.values()].flatMap((node) => [...edgesOf(node)]);
    for (const edge of found) edges.add(edge);
    nodes = found.flatMap(behind);
  }
  return edges;
}

/** Models that have other rows when these columns change: those that decide by them, and all that read these. */
function decidedRows(
  graph: LineageGraph,
  below: ReadonlySet<LineageEdge>,
  depth: number,
): string[] {
  const decided = new Set<string>();
  for (const { to } of below) if (to.column === undefined) decided.add(to.table);
  for (let size = -1; depth === Number.POSITIVE_INFINITY && size < decided.size; ) {
    size = decided.size;
    for (const { from, to } of graph.edges) if (decided.has(from.table)) decided.add(to.table);
  }
  return graph.tables.map(({ name }) => name).filter((name) => decided.has(name));
}

function tableKey({ kind, name, table }: { kind: string; name?: string; table?: string }): string {
  return `${kind} ${name ?? table}`;
}

function tableKeysOf({ from, to }: LineageEdge): string[] {
  return [tableKey(from), tableKey(to)];
}
