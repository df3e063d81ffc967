import type { Attempt } from './layer-state.ts';
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
import type { SqlEngine } from './sql-engine.ts';
import { quoteNames } from './sql-text.ts';
import { type StatementSettings, settingsFor } from './statement-settings.ts';

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
  const { tables } = node;
  const affected = node.affectedKeys(changes);
  const run = async (sql: string, settings: StatementSettings = {}) => {
    signal.throwIfAborted();
    return (await engine.command(sql, { signal, settings })).writtenRows;
  };
  let keys = 0;
  let changed = 0;
  let strategy: NodeOutcome['strategy'] = 'none';
  if (affected !== undefined) {
    const names = [...node.refreshKey.map((_, index) => `k${index + 1}`), attempt.build];
    keys = await run(`INSERT INTO ${tables.keys} SELECT ${names.join(', ')} FROM (${affected})`);
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
    changed = await run(
      fillDelta(node, { stored, computed, build: attempt.build }),
      settingsFor(keys),
    );
  }
  if (keys === 0 && !attempt.isRepeat) return { ...nothingDone, strategy };
  if (strategy === 'rebuild') {
    await run(`EXCHANGE TABLES ${tables.rows} AND ${tables.shadow}`);
    await run(`DROP TABLE IF EXISTS ${tables.shadow}`);
  } else if (changed > 0) {
    await run(applyDelta(node, attempt.build));
  }
  // What a broken-off attempt has put into the delta is news for the readers still.
  const hasChanged =
    changed > 0 || (attempt.isRepeat && (await hasDelta(engine, node, attempt, signal)));
  return { keys, rowsWritten: changed, strategy, hasChanged };
}

const nothingDone = { keys: 0, rowsWritten: 0, hasChanged: false };

/** Fills a new version of the rows beside the old one. */
export async function fillShadow(
  node: MaintainedNode,
  attempt: Pick<Attempt, 'build'>,
  run: (sql: string) => Promise<unknown>,
): Promise<void> {
  const { shadow } = node.tables;
  await run(`DROP TABLE IF EXISTS ${shadow}`);
  await run(createRows(node, shadow));
  await run(fillRows(node, shadow, attempt.build));
}

function keySetOf(node: MaintainedNode, { build }: Attempt): KeySet {
  return {
    from: `${node.tables.keys} WHERE ${buildColumn} = ${build}`,
    types: node.refreshKey.map(({ type }) => type),
  };
}

function columnNames(node: MaintainedNode): string {
  return quoteNames(node.columns.map(({ name }) => name));
}

async function hasDelta(
  engine: SqlEngine,
  node: MaintainedNode,
  { since }: Attempt,
  signal: AbortSignal,
): Promise<boolean> {
  signal.throwIfAborted();
  const sql = `SELECT 1 AS found FROM ${node.tables.delta} WHERE ${buildColumn} > ${since} LIMIT 1`;
  return (await engine.rows(sql, { signal })).length > 0;
}
