import { buildColumn, signColumn, type TypedColumn } from '../model/relation.ts';
import { identityOf } from './cell.ts';
import type { CutWindow, RowChange } from './delta-reader.ts';
import type { CutMark } from './explanation.ts';
import type { StoredRow } from './stored-rows.ts';

/** What happened to a row between two cuts. */
export interface RowState {
  readonly window: CutWindow;
  readonly change: RowChange;
  /** Only the sum of perhaps several changes is known. */
  readonly isSum: boolean;
}

const beginning: CutWindow['after'] = { build: 0, version: 0n };

/** Puts old and new rows of one row of a model in order. */
export class RowTimeline {
  readonly #cuts: readonly CutMark[];
  readonly #columns: readonly TypedColumn[];

  constructor(cuts: readonly CutMark[], columns: readonly TypedColumn[]) {
    this.#cuts = cuts;
    this.#columns = columns;
  }

  /**
   * Changes by the cuts that published them; what is not published yet is left out. Deltas in memory are lost when
   * the engine is killed: where a row is found to be another than it was left, the difference is a change of its own.
   */
  states(rows: readonly StoredRow[], now: StoredRow | undefined): RowState[] {
    const states: RowState[] = [];
    let last: RowState | undefined;
    const put = (state: RowState) => {
      states.push(state);
      last = state;
    };
    for (const state of this.#published(rows)) {
      const gap = last && this.#gap(last, state.change.before, state.window.after);
      if (gap !== undefined) put(gap);
      put(state);
    }
    const newest = this.#cuts.at(-1);
    const isPending = rows.some((row) => Number(row.get(buildColumn)) > (newest?.build ?? 0));
    const gap = last && newest && !isPending ? this.#gap(last, now, newest) : undefined;
    return gap === undefined ? states : [...states, gap];
  }

  #published(rows: readonly StoredRow[]): RowState[] {
    const byCut = new Map<CutMark, StoredRow[]>();
    for (const row of rows) {
      const cut = this.#cuts.find(({ build }) => build >= Number(row.get(buildColumn)));
      if (cut !== undefined) byCut.set(cut, [...(byCut.get(cut) ?? []), row]);
    }
    return [...byCut].flatMap(([to, own]): RowState[] => {
      const change = this.#net(own);
      const after = this.#cuts[this.#cuts.indexOf(to) - 1] ?? beginning;
      return change === undefined ? [] : [{ window: { after, to }, change, isSum: false }];
    });
  }

  /** What remains of old and new rows when those that cancel out are taken away. */
  #net(rows: readonly StoredRow[]): RowChange | undefined {
    const net = new Map<string, { row: StoredRow; sum: number }>();
    for (const row of rows) {
      const content = this.#content(row) ?? '';
      const sum = (net.get(content)?.sum ?? 0) + Number(row.get(signColumn));
      net.set(content, { row, sum });
    }
    const states = [...net.values()];
    const before = states.find(({ sum }) => sum < 0)?.row;
    const after = states.find(({ sum }) => sum > 0)?.row;
    return before === undefined && after === undefined ? undefined : changeOf(before, after);
  }

  #gap(
    last: RowState,
    found: StoredRow | undefined,
    upTo: CutWindow['after'],
  ): RowState | undefined {
    const left = last.change.after;
    const to = this.#cuts.find(({ build }) => build === upTo.build);
    if (to === undefined || this.#content(left) === this.#content(found)) return undefined;
    const change = changeOf(left, found);
    return { window: { after: last.window.to, to }, change, isSum: true };
  }

  #content(row: StoredRow | undefined): string | undefined {
    return row && identityOf(row, this.#columns);
  }
}

function changeOf(before: StoredRow | undefined, after: StoredRow | undefined): RowChange {
  return { ...(before && { before }), ...(after && { after }) };
}
