import type { ChangeBatch, RowCondition } from '../change/change-batch.ts';
import type { TableId } from '../change/table-id.ts';
import type { TableSchema } from '../change/table-schema.ts';
import type { PlannedColumn } from './column-plan.ts';
import type { Filter } from './filter/parse-filter.ts';
import type { LookupState } from './lookup-state.ts';
import type { RouteProblem } from './route-problem.ts';

/**
 * Decides where changes go and what they hold: business and topic of each table, shards merged into
 * one table, columns dropped, renamed, masked, hashed or cut, rows left out.
 *
 * - Pure for the same rules and the same `RouteState`, which the caller keeps with the changes it has
 *   stored: a replay gives the same batches.
 * - Sections keep their order; a section may become several (rows routed by value) or none.
 * - Tables without rules pass as they are, their bytes untouched.
 * - What empties or sweeps one shard of a merged table is limited to its rows (`only`).
 */
export interface Router {
  /** The table that holds routes, to be read before anything else is routed; `id` is that of its LookupState. */
  readonly lookup: { readonly table: TableId; readonly id: string } | undefined;
  /** The table that `source` goes into; several sources may go into one. */
  tableOf(source: TableId): TableId;
  /** The rows of `tableOf(source)` that come from it; undefined: all of them. */
  onlyOf(source: TableId): RowCondition | undefined;
  /** Changes with everything that decides what rows of the table become; undefined: they stay as they are. */
  rulesOf(source: TableSchema): string | undefined;
  /** Where rows of the table go that are not looked up; undefined: the log has no topics, or the rules fail. */
  topicOf(source: TableSchema): string | undefined;
  /** Whether rows of the table may go into this topic. */
  writesTo(source: TableSchema, topic: string): boolean;
  /** What these tables are after the rules, by name. Leaves out those whose rules cannot be followed. */
  tables(sources: readonly TableSchema[]): Map<TableId, TableSchema>;
  /** What becomes of the rows of a table, for who checks it by other means. */
  explain(source: TableSchema): RouteExplanation;
  /**
   * The batch after the rules. Throws, with the table of the source in `details.table`,
   * CDC_ROUTE_INVALID when a rule does not fit its columns (any more), and CDC_ROUTE_UNMATCHED when
   * the table or a row matches no route and the project file says `stop`.
   */
  route(batch: ChangeBatch, state: RouteState): Routed;
  /** Everything wrong with the rules for these tables, the captured ones. */
  check(sources: readonly TableSchema[]): RouteProblem[];
}

/** What has been stored so far, as far as routing depends on it. */
export interface RouteState {
  /** The newest schema of a table of the source. */
  source(table: TableId): TableSchema | undefined;
  /** Newest schemas of all tables of the source whose changes are taken in. */
  sources(): Iterable<TableSchema>;
  /** The newest schema of a table after the rules. */
  routed(table: TableId): TableSchema | undefined;
  readonly lookup: LookupState | undefined;
}

export interface RouteExplanation {
  /** Columns that stay, by their places in the source. */
  readonly columns: readonly PlannedColumn[];
  /** Rows must pass all of them. */
  readonly filters: readonly Filter[];
  /** Rows that no route matches are left out. */
  readonly dropsUnmatched: boolean;
}

export interface Routed {
  readonly batch: ChangeBatch;
  /** Tables of the source whose rows must be read anew because of the batch. */
  readonly reread: ReadonlySet<TableId>;
  /** Present when the batch changed what is looked up. */
  readonly lookup?: LookupState;
  /** Rows left out because they matched no route, by table of the source. */
  readonly unmatched: ReadonlyMap<TableId, number>;
}
