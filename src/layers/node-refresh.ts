import { nodeTables } from './layer-names.ts';
import {
  type Changes,
  type KeySet,
  type MaintainedNode,
  type Omission,
  quoteColumns,
  renderInKeys,
  type Scope,
} from './maintained-node.ts';
import { applyDelta, createRows, fillDelta, fillRows } from './node-storage.ts';
import { buildColumn } from './relation.ts';
import type { SqlEngine, StatementOptions } from './sql-engine.ts';
import { quoteNames } from './sql-text.ts';

type StatementSettings = NonNullable<StatementOptions['settings']>;

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

/** One attempt to bring the tables to a cut. */
export interface Attempt {
  /** Number of this attempt; grows always. */
  readonly build: number;
  /** First attempt for the same cut: what it and later ones changed is not published yet. */
  readonly firstBuild: number;
}

export interface NodeOutcome {
  readonly keys: number;
  /** Old rows taken out and new ones put in. */
  readonly rowsWritten: number;
  readonly strategy: 'none' | 'keys' | 'rebuild';
  /** Its readers have something to do. */
  readonly hasChanged: boolean;
}

export interface NodeRefreshOptions {
  readonly engine: SqlEngine;
  readonly attempt: Attempt;
  readonly changes: Changes;
  /** More affected keys than this: rebuild and swap. */
  readonly mostKeys: number;
  readonly isSmall: Scope['isSmall'];
  readonly signal: AbortSignal;
  readonly omit?: Omission;
}

/**
 * Brings one node to the state of what it reads:
 * affected keys -> net change of their rows into the delta -> delta into the rows.
 *
 * A crash between any two statements leaves a state that the next attempt mends: the delta is written
 * before the rows, and readers look at the deltas of all attempts for the cut, so rows that were already
 * replaced are still seen as they were.
 */
export async function refreshNode(
  node: MaintainedNode,
  options: NodeRefreshOptions,
): Promise<NodeOutcome> {
  const { engine, attempt, changes, signal } = options;
  const tables = nodeTables(node.relation.name);
  const affected = node.affectedKeys(changes);
  const isRepeated = attempt.build !== attempt.firstBuild;
  const run = async (sql: string, settings: StatementSettings = {}) => {
    signal.throwIfAborted();
    return (await engine.command(sql, { signal, settings })).writtenRows;
  };
  let keys = 0;
  let changed = 0;
  let strategy: NodeOutcome['strategy'] = 'none';
  if (affected !== undefined) {
    const keyNames = node.refreshKey.map((_, index) => `k${index + 1}`).join(', ');
    keys = await run(
      `INSERT INTO ${tables.keys} SELECT ${keyNames}, ${attempt.build} FROM (${affected})`,
    );
  }
  if (keys > options.mostKeys) {
    strategy = 'rebuild';
    await fillShadow(node, attempt, run);
    const stored = `${tables.rows} FINAL`;
    const computed = `SELECT ${columnNames(node)} FROM ${tables.shadow} FINAL`;
    changed = await run(fillDelta(node, { stored, computed, build: attempt.build }));
  } else if (keys > 0) {
    strategy = 'keys';
    const keySet = keySetOf(node, attempt);
    const inKeys = renderInKeys(quoteColumns(node.refreshKey), keySet, options.omit);
    const stored = `${tables.rows} FINAL WHERE ${inKeys}`;
    const computed = node.recompute({ keys: keySet, isSmall: options.isSmall });
    const settings = keys <= fewKeys ? forFewKeys : {};
    changed = await run(fillDelta(node, { stored, computed, build: attempt.build }), settings);
  }
  if (keys === 0 && !isRepeated) return { ...nothingDone, strategy };
  if (strategy === 'rebuild') {
    await run(`EXCHANGE TABLES ${tables.rows} AND ${tables.shadow}`);
    await run(`DROP TABLE IF EXISTS ${tables.shadow}`);
  } else if (changed > 0) {
    await run(applyDelta(node, attempt.build));
  }
  // What a broken-off attempt has put into the delta is news for the readers still.
  const hasChanged = changed > 0 || (isRepeated && (await hasDelta(engine, node, attempt, signal)));
  return { keys, rowsWritten: changed, strategy, hasChanged };
}

const nothingDone = { keys: 0, rowsWritten: 0, hasChanged: false };

/** Fills a new version of the rows beside the old one. */
export async function fillShadow(
  node: MaintainedNode,
  attempt: Pick<Attempt, 'build'>,
  run: (sql: string) => Promise<unknown>,
): Promise<void> {
  const { shadow } = nodeTables(node.relation.name);
  await run(`DROP TABLE IF EXISTS ${shadow}`);
  await run(createRows(node, shadow));
  await run(fillRows(node, shadow, attempt.build));
}

function keySetOf(node: MaintainedNode, { build }: Attempt): KeySet {
  const { keys } = nodeTables(node.relation.name);
  return {
    from: `${keys} WHERE ${buildColumn} = ${build}`,
    types: node.refreshKey.map(({ type }) => type),
  };
}

function columnNames(node: MaintainedNode): string {
  return quoteNames(node.columns.map(({ name }) => name));
}

async function hasDelta(
  engine: SqlEngine,
  node: MaintainedNode,
  { firstBuild }: Attempt,
  signal: AbortSignal,
): Promise<boolean> {
  signal.throwIfAborted();
  const { delta } = nodeTables(node.relation.name);
  const sql = `SELECT 1 AS found FROM ${delta} WHERE ${buildColumn} >= ${firstBuild} LIMIT 1`;
  return (await engine.rows(sql, { signal })).length > 0;
}
