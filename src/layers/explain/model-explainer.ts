import { CdcError } from '../../errors.ts';
import { nearestName } from '../../lib/nearest-name.ts';
import type { CompiledModel } from '../model/model-compiler.ts';
import { buildColumn, hiddenPrefix, type TypedColumn } from '../model/relation.ts';
import type { MaintainedNode } from '../node/maintained-node.ts';
import type { SqlEngine } from '../sql-engine.ts';
import { CauseFinder } from './cause-finder.ts';
import { DeltaReader } from './delta-reader.ts';
import type { CutMark, CutPlace, Explanation, PlaceOf, Values } from './explanation.ts';
import type { NodeGraph } from './node-graph.ts';
import { type KeyPart, RowFinder } from './row-finder.ts';
import { cutPlace, RowHistories, type Subject } from './row-history.ts';
import { RowWalk } from './row-walk.ts';
import { keyValues, type StoredRow, valuesFor } from './stored-rows.ts';
import { TableCauses } from './table-causes.ts';

export interface ExplainerOptions {
  readonly engine: SqlEngine;
  readonly graph: NodeGraph;
  /** Published cuts, the oldest first. */
  readonly cuts: readonly CutMark[];
  readonly placeOf: PlaceOf;
  /** Rows, candidates and steps shown. */
  readonly limit: number;
  readonly signal: AbortSignal;
}

/** Changed rows looked at of each level; a dimension row with a million facts is judged by these. */
const mostPairs = 1_000;

/** Says what the rows of models are made of, and how they came to be what they are. Reads only. */
export class ModelExplainer {
  readonly #options: ExplainerOptions;
  readonly #finder: RowFinder;
  readonly #walk: RowWalk;
  readonly #histories: RowHistories;

  constructor(options: ExplainerOptions) {
    const { engine, graph, cuts, placeOf, limit, signal } = options;
    this.#options = options;
    const deltas = new DeltaReader(engine, signal);
    const tables = new TableCauses({ engine, placeOf, mostRows: mostPairs, signal });
    const causes = new CauseFinder({ graph, deltas, tables, mostPairs, limit });
    this.#finder = new RowFinder(engine, deltas, signal);
    this.#walk = new RowWalk({ engine, graph, placeOf, limit, signal });
    this.#histories = new RowHistories({ graph, deltas, causes, cuts, limit });
  }

  /**
   * The row with these values and the rows behind it; with `since` (a cut, or all that is kept) how it has
   * changed instead. Throws CDC_USAGE for names and values that cannot be.
   */
  async explain(
    name: string,
    key: readonly KeyPart[],
    since?: CutMark | 'all',
  ): Promise<Explanation> {
    const { limit } = this.#options;
    const subject = this.#subject(name);
    const { compiled, node, identity } = subject;
    const { current, gone } = await this.#finder.find(node, identity, key, limit + 1);
    const about = { model: name, description: compiled.model.header.description ?? null };
    const rows = [...current, ...gone];
    const [row] = rows;
    if (row === undefined) return { ...about, found: 'none' };
    if (rows.length > 1) {
      const candidates = rows.slice(0, limit).map((each) => visibleKey(subject, each));
      return { ...about, found: 'several', candidates, hasMore: rows.length > limit };
    }
    const found = current.length > 0 ? 'row' : 'gone';
    const goneAt = found === 'gone' ? this.#goneAt(row) : undefined;
    const explained: Explanation = {
      ...about,
      found,
      key: visibleKey(subject, row),
      values: valuesFor(row, node.relation.columns),
      ...(goneAt && { goneAt }),
    };
    if (since !== undefined) {
      const about = { now: current[0], ...(since !== 'all' && { since }) };
      return { ...explained, history: await this.#histories.since(subject, row, about) };
    }
    if (found === 'gone') return explained;
    return { ...explained, levels: await this.#walk.below(node, [row]) };
  }

  #subject(name: string): Subject {
    const { graph } = this.#options;
    const compiled = graph.model(name);
    const node = graph.node(name);
    if (compiled === undefined || node === undefined) {
      const near = nearestName(name, graph.names());
      const remedy = near ? `Did you mean ${near}?` : '`cdc status` lists the models.';
      throw new CdcError('CDC_USAGE', `There is no built model ${name}.`, { remedy });
    }
    return { compiled, node, identity: identityOfModel(compiled, node) };
  }

  /** The cut that took a row away, of which this is the last state. */
  #goneAt(row: StoredRow): CutPlace | undefined {
    const cut = this.#histories.cutOf(Number(row.get(buildColumn)));
    return cut && cutPlace(cut);
  }
}

/** The declared key, which people know rows by, or what identifies a stored row. */
function identityOfModel({ model }: CompiledModel, { relation }: MaintainedNode): TypedColumn[] {
  const declared = (model.header.key ?? []).flatMap((name) => {
    return relation.columns.find((column) => column.name === name) ?? [];
  });
  return declared.length > 0 ? declared : [...relation.key];
}

/** Without hidden columns where others are enough to name the row. */
function visibleKey({ node, identity }: Subject, row: StoredRow): Values {
  const isHidden = identity.some(({ name }) => name.startsWith(hiddenPrefix));
  return isHidden ? keyValues(node, row) : valuesFor(row, identity);
}
