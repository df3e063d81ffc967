import type { StatementOptions } from '../sql-engine.ts';

export type StatementSettings = NonNullable<StatementOptions['settings']>;

const veryFewKeys = 500;
/** A second thread costs more than it does; the other core is for the next model. */
const forVeryFewKeys: StatementSettings = { max_threads: 1 };

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

/** Settings for a statement that recomputes this many keys. */
export function settingsFor(keys: number): StatementSettings {
  return {
    ...byKeys,
    ...(keys <= veryFewKeys && forVeryFewKeys),
    ...(keys <= fewKeys ? forFewKeys : forManyKeys),
  };
}
