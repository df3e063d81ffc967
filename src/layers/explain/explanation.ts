import type { Version } from '../../change/position.ts';
import type { TableId } from '../../change/table-id.ts';

/** What `layers explain` finds. Values are text as the engine prints them; NULL is null. */
export type Values = Readonly<Record<string, string | null>>;

/** Where in the source a row came from. */
export interface Place {
  readonly version: string;
  /** `binlog.000003:4980`. */
  readonly position: string;
  /** `snapshot`: as a snapshot read it at about this place; nobody knows when it had changed. */
  readonly origin: 'stream' | 'snapshot';
  /** When its transaction was committed, where that is still known; ISO 8601. */
  readonly committedAt: string | null;
}

/** Names a row's version as a place in the source. */
export type PlaceOf = (table: TableId, version: Version) => Promise<Place>;

/** A row of a model, with what is behind it or how it came about. */
export interface Explanation {
  readonly model: string;
  readonly description: string | null;
  /** `gone`: it is not there now, but was; `several`: the key given fits more than one. */
  readonly found: 'row' | 'gone' | 'several' | 'none';
  readonly key?: Values;
  /** As they are; of a row that is gone as they were last. */
  readonly values?: Values;
  readonly goneAt?: CutPlace;
  /** Keys that fit, when there are several. */
  readonly candidates?: readonly Values[];
  readonly hasMore?: boolean;
  /** The rows behind it, level by level downwards. */
  readonly levels?: readonly SourceLevel[];
  readonly history?: RowHistory;
}

/**
 * How rows go into those of their reader: one by one by their key, many as a group, or all of them at once (a
 * reader that is computed whole, or a condition that asks all of them), when none are listed.
 */
export type FoundBy = 'key' | 'group' | 'all';

/** Rows of one table or model that the rows of its reader are made of. */
export interface SourceLevel {
  readonly reader: string;
  readonly name: string;
  /** What the reader calls it. */
  readonly alias: string;
  /** A stage is a hidden model between joined tables and an aggregate. */
  readonly kind: 'table' | 'model' | 'stage';
  readonly by: FoundBy;
  /** All of them; `rows` may be fewer. */
  readonly total: number;
  readonly rows: readonly SourceRow[];
}

export interface SourceRow {
  readonly key: Values;
  /** The columns that its reader reads. */
  readonly values: Values;
  /** Which of the reader's rows listed it went into, from 0. */
  readonly into: readonly number[];
  /** Of a table's row. */
  readonly place?: Place;
}

/** A published cut, as far as `explain` needs it. */
export interface CutMark {
  readonly build: number;
  readonly version: Version;
  readonly position: string;
  readonly publishedAtMs: number;
}

export interface CutPlace {
  readonly position: string;
  readonly publishedAt: string;
  readonly build: number;
}

/** How a row of a model came to be what it is. */
export interface RowHistory {
  /** The cut that it begins after; null for all that is kept. */
  readonly since: CutPlace | null;
  /** The oldest first. */
  readonly steps: readonly HistoryStep[];
  /** Steps before these that are not shown. */
  readonly omitted: number;
  /** Where the history of the model begins, when that is after `since`. */
  readonly begins: CutPlace | null;
}

/** What one published cut did to the row. */
export interface HistoryStep {
  /** The published cut that shows it. */
  readonly cut: CutPlace;
  /**
   * Set when it may have been several changes, of which only the sum is known: the first of them came after
   * this cut. The engine was killed then, with what it had in memory.
   */
  readonly sumSince?: CutPlace;
  readonly kind: 'appeared' | 'changed' | 'vanished';
  readonly columns: readonly ColumnChange[];
  /** Rows of the source that changed, those with the largest effect first. */
  readonly causes: readonly Cause[];
  readonly causesOmitted: number;
  /** What moved in the tables in between, from the row downwards. */
  readonly levels: readonly MovedLevel[];
}

export interface ColumnChange {
  readonly column: string;
  readonly from: string | null;
  readonly to: string | null;
}

/** A change of one row of a captured table. */
export interface Cause {
  readonly table: string;
  /** What the model that reads the table calls it. */
  readonly alias: string;
  readonly key: Values;
  /** `written`: new, or changed from a state that is not kept any more. */
  readonly kind: 'written' | 'changed' | 'deleted';
  /** As far as both states are known. */
  readonly columns: readonly ColumnChange[];
  /** Where it changed; absent when it has changed again since and nothing has the first change any more. */
  readonly place?: Place;
  /** Rows of `level` that it moved; none when it is only known that `level` reads the table as a whole. */
  readonly level: string;
  readonly effect: Effect;
}

/** Rows by what became of them; see MoveKind. */
export type Effect = Readonly<Record<MoveKind, number>>;

/**
 * What a change of a row is to the rows above it: it is new or gone, it moved here from other rows or to others, or
 * it is where it was with other values.
 */
export type MoveKind = 'entered' | 'left' | 'movedIn' | 'movedOut' | 'changed';

/** Rows of a model or stage that changed for the rows above them. */
export interface MovedLevel {
  readonly reader: string;
  readonly name: string;
  readonly alias: string;
  readonly kind: 'table' | 'model' | 'stage';
  readonly by: FoundBy;
  readonly total: number;
  /** Of the first 1,000. */
  readonly effect: Effect;
  /** The first of them. */
  readonly rows: readonly MovedRow[];
}

export interface MovedRow {
  readonly key: Values;
  readonly kind: MoveKind;
  readonly columns: readonly ColumnChange[];
}
