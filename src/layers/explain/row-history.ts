import type { CompiledModel } from '../model/model-compiler.ts';
import { buildColumn, type TypedColumn } from '../model/relation.ts';
import type { MaintainedNode } from '../node/maintained-node.ts';
import type { CauseFinder } from './cause-finder.ts';
import { columnChanges } from './column-changes.ts';
import type { CutWindow, DeltaReader } from './delta-reader.ts';
import type { CutMark, CutPlace, HistoryStep, RowHistory } from './explanation.ts';
import type { MovedPair } from './moved-pair.ts';
import type { NodeGraph } from './node-graph.ts';
import { rankCauses } from './rank-causes.ts';
import { isRow } from './row-finder.ts';
import { type RowState, RowTimeline } from './row-timeline.ts';
import type { StoredRow } from './stored-rows.ts';

/** The model that is asked about. */
export interface Subject {
  readonly compiled: CompiledModel;
  readonly node: MaintainedNode;
  /** Columns that tell its rows apart for people. */
  readonly identity: readonly TypedColumn[];
}

export interface HistoryOptions {
  readonly deltas: DeltaReader;
  readonly causes: CauseFinder;
  readonly graph: NodeGraph;
  /** Published cuts, the oldest first. */
  readonly cuts: readonly CutMark[];
  /** Steps shown. */
  readonly limit: number;
}

/** One row of a model through the published cuts. */
export class RowHistories {
  readonly #options: HistoryOptions;

  constructor(options: HistoryOptions) {
    this.#options = options;
  }

  /** Since a cut, or as far as history is kept; `now` is the row as it is, if it is there. */
  async since(
    subject: Subject,
    row: StoredRow,
    { now, since }: { readonly now: StoredRow | undefined; readonly since?: CutMark },
  ): Promise<RowHistory> {
    const { deltas, limit, cuts } = this.#options;
    const where = `${isRow(subject.identity, row)} AND ${buildColumn} > ${since?.build ?? 0}`;
    const rows = await deltas.rows(subject.node, where);
    const states = new RowTimeline(cuts, subject.node.columns).states(rows, now);
    const shown = states.slice(-limit);
    const steps: HistoryStep[] = [];
    for (const state of shown) steps.push(await this.#step(subject, state));
    return {
      since: since === undefined ? null : cutPlace(since),
      steps,
      omitted: states.length - shown.length,
      begins: await this.#begins(subject, since),
    };
  }

  /** The published cut that a build is part of. */
  cutOf(build: number): CutMark | undefined {
    return this.#options.cuts.find((cut) => cut.build >= build);
  }

  async #step(subject: Subject, { change, window, isSum }: RowState): Promise<HistoryStep> {
    const { limit } = this.#options;
    const { node } = subject;
    const { before, after } = change;
    const kind = before === undefined ? 'entered' : after === undefined ? 'left' : 'changed';
    const pairs: MovedPair[] = [{ change, kind }];
    const found = await this.#causes(subject, pairs, window);
    const sumSince = isSum && 'position' in window.after ? cutPlace(window.after as CutMark) : null;
    return {
      cut: cutPlace(window.to),
      ...(sumSince && { sumSince }),
      kind: stepKinds[kind],
      columns: columnChanges(before, after, node.relation.columns),
      ...rankCauses(found.causes, limit),
      levels: found.levels,
    };
  }

  /** A model that is refreshed more seldom shows in one step what happened in several cuts. */
  async #causes({ compiled, node }: Subject, pairs: readonly MovedPair[], window: CutWindow) {
    const { causes, graph } = this.#options;
    if (!graph.isOfMinutes(compiled.model.name)) {
      const found = await causes.below(node, pairs, window);
      if (found.causes.length > 0 || found.levels.length > 0) return found;
    }
    const after = await this.#lastRefreshBefore({ compiled, node }, window);
    return causes.below(node, pairs, { ...window, after });
  }

  async #lastRefreshBefore(
    { compiled, node }: Omit<Subject, 'identity'>,
    { after }: CutWindow,
  ): Promise<CutWindow['after']> {
    const [last] = await this.#options.deltas.rows(node, `${buildColumn} <= ${after.build}`, {
      newestFirst: true,
      limit: 1,
    });
    const build = Number(last?.get(buildColumn) ?? builtAt(compiled));
    return this.cutOf(build) ?? after;
  }

  /** A model built anew has no history from before, unless its tables were copied with it. */
  async #begins({ compiled, node }: Subject, since?: CutMark): Promise<CutPlace | null> {
    const { deltas, cuts } = this.#options;
    const built = builtAt(compiled);
    const oldest = Math.min(built, (await deltas.oldestBuild(node)) ?? built);
    const begins = Math.max(oldest, cuts[0]?.build ?? 0);
    const cut = this.cutOf(begins);
    const isAfter = since === undefined || since.build < begins;
    return isAfter && cut !== undefined ? cutPlace(cut) : null;
  }
}

/** The build that made the model's tables. */
function builtAt({ storage }: CompiledModel): number {
  return Number(/@(\d+)$/.exec(storage)?.[1] ?? 0);
}

const stepKinds = { entered: 'appeared', changed: 'changed', left: 'vanished' } as const;

export function cutPlace({ position, publishedAtMs, build }: CutMark): CutPlace {
  return { position, publishedAt: new Date(publishedAtMs).toISOString(), build };
}
