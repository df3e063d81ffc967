import type { StatementOptions } from './sql-engine.ts';

export type StatementSettings = NonNullable<StatementOptions['settings']>;

const fewKeys = 10_000;
/**
 * For few keys planning costs more than reading. These take out what only pays for large inputs and
 * change no result; one thread leaves the other core to the next model.
 */
const forFewKeys: StatementSettings = {
  max_threads: 1,
  join_algorithm: 'hash',
  enable_join_runtime_filters: 0,
  query_plan_optimize_join_order_limit: 0,
  query_plan_join_swap_table: 'false',
  compile_expressions: 0,
  compile_aggregate_expressions: 0,
};

/** Settings for a statement that recomputes this many keys. */
export function settingsFor(keys: number): StatementSettings {
  return keys <= fewKeys ? forFewKeys : {};
}
