import { hiddenPrefix, type TypedColumn } from '../model/relation.ts';
import type { MaintainedNode } from '../node/maintained-node.ts';
import { columnChanges } from './column-changes.ts';
import type { CutWindow, DeltaReader, RowChange } from './delta-reader.ts';
import type { ColumnChange, MovedLevel, MovedRow } from './explanation.ts';
import { effectOf, type MovedPair, type MovingCause, pairsOf, rowsOf } from './moved-pair.ts';
import { foundBy, type GraphSource, type NodeGraph } from './node-graph.ts';
import { keyValues, madeOf, type StoredRow, type WantedColumn } from './stored-rows.ts';
import type { TableCauses } from './table-causes.ts';

export interface FinderOptions {
  readonly graph: NodeGraph;
  readonly deltas: DeltaReader;
  readonly tables: TableCauses;
  /** Rows looked at of each level. */
  readonly mostPairs: number;
  /** Rows listed of each level. */
  readonly limit: number;
}

/** From changed rows of a model down to the changed rows of tables that moved them. */
export class CauseFinder {
  readonly #options: FinderOptions;

  constructor(options: FinderOptions) {
    this.#options = options;
  }

  async below(
    node: MaintainedNode,
    pairs: readonly MovedPair[],
    window: CutWindow,
  ): Promise<{ levels: MovedLevel[]; causes: MovingCause[] }> {
    const { graph, tables } = this.#options;
    const sources = graph.sourcesOf(node);
    const read = sources.filter(({ relation }) => graph.node(relation.name) === undefined);
    const causes = await tables.find(node, read, pairs, window);
    const levels: MovedLevel[] = [];
    for (const source of sources) {
      const inner = graph.node(source.relation.name);
      if (inner === undefined) continue;
      const { level, moved } = await this.#moved(node, inner, source, pairs, window);
      if (moved.length === 0) continue;
      const deeper = await this.below(inner, moved, window);
      levels.push(level, ...deeper.levels);
      causes.push(...deeper.causes.map((cause) => raised(cause, node, source, pairs)));
    }
    return { levels, causes };
  }

  async #moved(
    node: MaintainedNode,
    inner: MaintainedNode,
    source: GraphSource,
    pairs: readonly MovedPair[],
    window: CutWindow,
  ): Promise<{ level: MovedLevel; moved: MovedPair[] }> {
    const { graph, deltas, mostPairs, limit } = this.#options;
    const { alias, relation } = source;
    const by = foundBy(source);
    const where = madeOf(source, rowsOf(pairs));
    const member: WantedColumn = { name: memberName, type: 'UInt8', expression: where };
    const match = { alias, where, asked: [member] };
    const found = await deltas.changes(inner, window, match, mostPairs);
    const relevant = [...source.columns, ...relation.key];
    const moved = found.changes.flatMap((change) => classify(change, relevant) ?? []);
    const shown = source.columns.filter(({ name }) => !name.startsWith(hiddenPrefix));
    const level: MovedLevel = {
      reader: node.relation.name,
      name: relation.name,
      alias,
      kind: graph.kindOf(relation.name),
      by,
      total: found.total > found.changes.length ? found.total : moved.length,
      effect: effectOf(moved),
      rows: moved.slice(0, limit).map((pair) => movedRow(inner, pair, shown)),
    };
    return { level, moved };
  }
}

/** What a change of a joined row did is told by the rows that it was joined to. */
function raised(
  cause: MovingCause,
  node: MaintainedNode,
  source: GraphSource,
  pairs: readonly MovedPair[],
): MovingCause {
  if (cause.level !== source.relation.name || foundBy(source) !== 'key') return cause;
  const own = cause.pairs.flatMap(({ change: { before, after } }) => {
    const row = after ?? before;
    return row === undefined ? [] : pairsOf(source, row, pairs);
  });
  return { ...cause, level: node.relation.name, pairs: [...new Set(own)] };
}

const memberName = '_member';

/** What a change is to those above; undefined when it makes no difference to them. */
function classify(change: RowChange, relevant: readonly TypedColumn[]): MovedPair | undefined {
  const { before, after } = change;
  const wasIn = before?.get(memberName) === '1';
  const isIn = after?.get(memberName) === '1';
  if (wasIn && isIn) {
    const isSame = relevant.every(({ name }) => before?.get(name) === after?.get(name));
    return isSame ? undefined : { change, kind: 'changed' };
  }
  if (isIn) return { change, kind: before === undefined ? 'entered' : 'movedIn' };
  if (wasIn) return { change, kind: after === undefined ? 'left' : 'movedOut' };
  return undefined;
}

function movedRow(
  node: MaintainedNode,
  { change: { before, after }, kind }: MovedPair,
  shown: readonly TypedColumn[],
): MovedRow {
  const row = (after ?? before) as StoredRow;
  const columns: ColumnChange[] = columnChanges(before, after, shown);
  return { key: keyValues(node, row), kind, columns };
}
