import type { StatementOptions } from '../sql-engine.ts';

export type StatementSettings = NonNullable<StatementOptions['settings']>;

const fewKeys = 10_000;
/** For few keys planning costs more than reading. These take out what only pays for large inputs and change no result. */
const forFewKeys: StatementSettings = {
  join_algorithm: 'hash',
  enable_join_runtime_filters: 0,
  query_plan_optimize_join_order_limit: 0,
  query_plan_join_swap_table: 'false',
  compile_expressions: 0,
  compile_aggregate_expressions: 0,
};

/**
 * For any number of keys: with FINAL a condition on the key is otherwise looked at when all columns have been read. The engine
 * does so with conditions on key columns only, of which all versions of a row have the same.
 */
const byKeys: StatementSettings = { optimize_move_to_prewhere_if_final: 1 };

const mebibyte = 1024 ** 2;
/**
 * For whole tables: the memory of a statement must not grow with its rows. Groups, sorted rows and the right sides of joins go to disk
 * above these sizes, and rows are written in blocks that fit in memory several times over.
 */
const forManyKeys: StatementSettings = {
  max_bytes_before_external_group_by: 512 * mebibyte,
  max_bytes_before_external_sort: 512 * mebibyte,
  join_algorithm: 'grace_hash,hash',
  max_bytes_in_join: 512 * mebibyte,
  max_insert_threads: 1,
  min_insert_block_size_bytes: 64 * mebibyte,
};

const veryFewKeys = 100;
/** A second thread costs more than it does, or takes the place of another model. */
const oneThread: StatementSettings = { max_threads: 1 };

/** Settings for a statement that recomputes this many keys; `isAlone`: no other model is at work. */
export function settingsFor(keys: number, isAlone = true): StatementSettings {
  const isNarrow = keys <= (isAlone ? veryFewKeys : fewKeys);
  return { ...byKeys, ...(keys <= fewKeys ? forFewKeys : forManyKeys), ...(isNarrow && oneThread) };
}
