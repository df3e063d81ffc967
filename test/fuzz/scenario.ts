import type { Row, WorldTable } from '../support/layers-world.ts';
import { type Query, renderQuery } from './query.ts';

/**
 * Everything that happens to one small warehouse, as plain data: it is made from a seed once, and from
 * then on run, made smaller and printed without the seed.
 */
export interface Scenario {
  readonly seed: number;
  readonly tables: Readonly<Record<string, WorldTable>>;
  /** In an order in which each model reads only earlier ones. */
  readonly models: readonly FuzzModel[];
  /** Texts of models that have no right answer: the tool must refuse them. */
  readonly refused: readonly string[];
  readonly options: ScenarioOptions;
  /** What lies in the tables when the models are built. */
  readonly fill: readonly Change[];
  readonly steps: readonly Step[];
}

export interface ScenarioOptions {
  readonly smallTableRows?: number;
  readonly rebuildShare?: number;
  readonly rebuildFromKeys?: number;
  /** So few that models are left to jobs beside the refreshes. */
  readonly deferKeys?: number;
  readonly chunkKeys?: number;
}

export interface FuzzModel {
  /** `dwd.m1`. */
  readonly name: string;
  readonly query: Query;
  /** Columns of the header's key line. */
  readonly key?: readonly string[];
  /** Only whole refreshes bring it up. */
  readonly isOfMinutes?: boolean;
  /** What it is made of, for the coverage table. */
  readonly shapes: readonly string[];
}

/** One change of a table; the runner keeps to the rules of a source whatever is left out. */
export interface Change {
  readonly table: string;
  readonly kind: 'put' | 'take' | 'replay';
  /** The row put, or one with the key of the row taken away. */
  readonly row?: Row;
  /** Of a replay: which rows of those ever written, counted from the newest. */
  readonly back?: number;
  /** It was written before others that are there already; only where order of arrival is no matter. */
  readonly isLate?: boolean;
}

/** The engine or the process goes away in the middle of a refresh. */
export interface Kill {
  /** Before the how many-th statement that writes. */
  readonly at: number;
  /**
   * `process`: the statement fails; `engine`: it fails, and tables in memory are empty afterwards;
   * `silent`: only that, and the statement is answered by the engine that was started anew.
   */
  readonly who: 'process' | 'engine' | 'silent';
  /** What the source does before the next attempt. */
  readonly changes: readonly Change[];
}

/** A model that is added, edited or, without a query, removed. */
export interface ModelEdit {
  readonly name: string;
  readonly model?: FuzzModel;
}

/** One round: changes, a refresh, a comparison. */
export interface Step {
  readonly changes: readonly Change[];
  /** Each change is an insert of its own; otherwise each table gets one insert. */
  readonly isSeparate: boolean;
  /** Superseded rows are merged away before the refresh. */
  readonly hasMerge: boolean;
  /** Another process goes on. */
  readonly hasRestart: boolean;
  readonly kills: readonly Kill[];
  /** Applied before the changes, or between the changes and the refresh. */
  readonly edits: readonly ModelEdit[];
  readonly editsLast: boolean;
  /** They are rolled back after the refresh. */
  readonly isUndone: boolean;
  /** The refresh ends with all models at its cut; otherwise jobs go on while the next rounds begin. */
  readonly isWhole: boolean;
}

export function modelText({ query, key, isOfMinutes }: FuzzModel): string {
  const header = key === undefined ? '' : `-- key: ${key.join(', ')}\n`;
  const lane = isOfMinutes ? '-- freshness: 1 h\n' : '';
  return header + lane + renderQuery(query);
}
