import type { MaintainedNode } from '../maintained-node.ts';
import type { CompiledModel } from '../model-compiler.ts';
import { buildColumn, signColumn, type TypedColumn } from '../relation.ts';
import type { CauseFinder } from './cause-finder.ts';
import { identityOf } from './cell.ts';
import { columnChanges } from './column-changes.ts';
import type { CutWindow, DeltaReader, RowChange } from './delta-reader.ts';
import type { CutMark, CutPlace, HistoryStep, RowHistory } from './explanation.ts';
import { rankCauses } from './rank-causes.ts';
import { isRow } from './row-finder.ts';
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
  /** Published cuts, the oldest first. */
  readonly cuts: readonly CutMark[];
  /** Steps shown. */
  readonly limit: number;
}

const beginning: Pick<CutMark, 'build' | 'version'> = { build: 0, version: 0n };

/** One row of a model through the published cuts. */
export class RowHistories {
  readonly #options: HistoryOptions;

  constructor(options: HistoryOptions) {
    this.#options = options;
  }

  /** Since a cut, or as far as history is kept. */
  async since(subject: Subject, row: StoredRow, since?: CutMark): Promise<RowHistory> {
    const { deltas, limit } = this.#options;
    const where = `${isRow(subject.identity, row)} AND ${buildColumn} > ${since?.build ?? 0}`;
    const rows = await deltas.rows(subject.node, where);
    const changes = this.#byCut(rows);
    const steps: HistoryStep[] = [];
    for (const { window, change } of changes.slice(-limit)) {
      steps.push(await this.#step(subject, change, window));
    }
    return {
      since: since === undefined ? null : cutPlace(since),
      steps,
      omitted: changes.length - steps.length,
      incomplete: this.#incomplete(subject, since),
    };
  }

  /** The published cut that a build is part of. */
  cutOf(build: number): CutMark | undefined {
    return this.#options.cuts.find((cut) => cut.build >= build);
  }

  async #step(subject: Subject, change: RowChange, window: CutWindow): Promise<HistoryStep> {
    const { causes, limit } = this.#options;
    const { node } = subject;
    const kind = change.before === undefined ? 'entered' : change.after ? 'changed' : 'left';
    const pairs = [{ change, kind } as const];
    let found = await causes.below(node, pairs, window);
    if (found.causes.length === 0 && found.levels.length === 0) {
      // A model that is refreshed more seldom shows in one step what happened in several cuts.
      const after = await this.#lastRefreshBefore(node, window);
      found = await causes.below(node, pairs, { ...window, after });
    }
    return {
      cut: cutPlace(window.to),
      kind: stepKinds[kind],
      columns: columnChanges(change.before, change.after, node.relation.columns),
      ...rankCauses(found.causes, limit),
      levels: found.levels,
    };
  }

  async #lastRefreshBefore(
    node: MaintainedNode,
    window: CutWindow,
  ): Promise<Pick<CutMark, 'build' | 'version'>> {
    const [last] = await this.#options.deltas.rows(
      node,
      `${buildColumn} <= ${window.after.build}`,
      { newestFirst: true, limit: 1 },
    );
    return this.cutOf(Number(last?.get(buildColumn) ?? 0)) ?? beginning;
  }

  /** Net changes of one row by the cut that published them; what is not published yet is left out. */
  #byCut(rows: readonly StoredRow[]): { window: CutWindow; change: RowChange }[] {
    const { cuts } = this.#options;
    const byCut = new Map<CutMark, StoredRow[]>();
    for (const row of rows) {
      const cut = this.cutOf(Number(row.get(buildColumn)));
      if (cut !== undefined) byCut.set(cut, [...(byCut.get(cut) ?? []), row]);
    }
    return [...byCut].flatMap(([cut, own]) => {
      const change = netChange(own);
      const after = cuts[cuts.indexOf(cut) - 1] ?? beginning;
      return change === undefined ? [] : [{ window: { after, to: cut }, change }];
    });
  }

  #incomplete({ compiled }: Subject, since: CutMark | undefined): string | null {
    const built = Number(/@(\d+)$/.exec(compiled.storage)?.[1] ?? 0);
    const { cuts } = this.#options;
    const cut = this.cutOf(built);
    if (since !== undefined && since.build >= built) return null;
    if (cut !== undefined && built > (cuts[0]?.build ?? 0)) {
      return `${compiled.model.name} was built anew for the cut ${cut.position}; what was before is not kept.`;
    }
    return since === undefined ? null : 'The history that is kept begins later.';
  }
}

const stepKinds = { entered: 'appeared', changed: 'changed', left: 'vanished' } as const;

export function cutPlace({ position, publishedAtMs, build }: CutMark): CutPlace {
  return { position, publishedAt: new Date(publishedAtMs).toISOString(), build };
}

/** What remains of old and new rows of one row when those that cancel out are taken away. */
function netChange(rows: readonly StoredRow[]): RowChange | undefined {
  const net = new Map<string, { row: StoredRow; sum: number }>();
  for (const row of rows) {
    const columns = [...row.keys()].filter((name) => name !== buildColumn && name !== signColumn);
    const content = identityOf(
      row,
      columns.map((name) => ({ name, type: '' })),
    );
    const sum = (net.get(content)?.sum ?? 0) + Number(row.get(signColumn));
    net.set(content, { row, sum });
  }
  const states = [...net.values()];
  const before = states.find(({ sum }) => sum < 0)?.row;
  const after = states.find(({ sum }) => sum > 0)?.row;
  if (before === undefined && after === undefined) return undefined;
  return { ...(before && { before }), ...(after && { after }) };
}
