import type { Attempt } from '../layer-state.ts';
import { buildColumn } from '../model/relation.ts';
import type { Changes, KeySet, MaintainedNode, Omission, Scope } from '../node/maintained-node.ts';
import type { SqlEngine } from '../sql-engine.ts';
import { quoteNames } from '../text/sql-text.ts';
import {
  applyDelta,
  createShadow,
  fillDelta,
  fillRows,
  partColumn,
  storedRows,
} from './node-storage.ts';
import { type StatementSettings, settingsFor } from './statement-settings.ts';

export interface NodeOutcome {
  /** `deferred`: too many keys are affected to do it now; nothing has changed. */
  readonly strategy: 'none' | 'keys' | 'rebuild' | 'deferred';
  readonly keys: number;
  readonly rowsWritten: number;
  /** The delta holds something for the readers of this node. */
  readonly hasChanged: boolean;
}

export interface NodeRefreshOptions {
  readonly engine: SqlEngine;
  readonly attempt: Attempt;
  readonly changes: Changes;
  /** More affected keys than this: rebuild and swap. */
  readonly mostKeys: number;
  /** More affected keys than this: leave it to a job that nobody waits for. */
  readonly deferKeys: number;
  /** Keys that one statement recomputes, so that its memory is bounded. */
  readonly chunkKeys: number;
  readonly isSmall: Scope['isSmall'];
  /** No other model is refreshed at this moment. */
  readonly isAlone: () => boolean;
  readonly signal: AbortSignal;
  /** SELECT of `k1`, `k2`, ...: keys to recompute whatever has changed. */
  readonly suspects?: string | undefined;
  /** Looks at the delta before it gets to the rows; throws to keep it from them. */
  readonly audit?: ((node: MaintainedNode, build: number) => Promise<void>) | undefined;
  readonly omit?: Omission | undefined;
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
  const { attempt, audit } = options;
  const work = new NodeWork(node, options);
  const keys = await work.findKeys();
  if (keys > options.deferKeys) {
    await work.forgetKeys();
    return { ...nothingDone, keys, strategy: 'deferred' };
  }
  if (keys === 0 && !attempt.isRepeat) return nothingDone;
  const isRebuilt = keys > options.mostKeys;
  const changed = keys === 0 ? 0 : await (isRebuilt ? work.rebuild() : work.recompute(keys));
  if (changed > 0) await audit?.(node, attempt.build);
  if (isRebuilt) await work.putInPlace();
  else if (changed > 0) await work.apply();
  // What a broken-off attempt has put into the delta is news for the readers still.
  const hasChanged = changed > 0 || (attempt.isRepeat && (await work.hasDelta()));
  const strategy = keys === 0 ? 'none' : isRebuilt ? 'rebuild' : 'keys';
  return { keys, rowsWritten: changed, strategy, hasChanged };
}

const nothingDone = { strategy: 'none', keys: 0, rowsWritten: 0, hasChanged: false } as const;

/** Fills a new version of the rows beside the old one. */
export async function fillShadow(
  node: MaintainedNode,
  attempt: Pick<Attempt, 'build'>,
  run: (sql: string) => Promise<unknown>,
): Promise<void> {
  const { shadow } = node.tables;
  await run(`DROP TABLE IF EXISTS ${shadow}`);
  await run(createShadow(node));
  await run(fillRows(node, shadow, attempt.build));
}

/** The statements of one refresh of one node. */
class NodeWork {
  readonly #node: MaintainedNode;
  readonly #options: NodeRefreshOptions;

  constructor(node: MaintainedNode, options: NodeRefreshOptions) {
    this.#node = node;
    this.#options = options;
  }

  /** Puts the keys that may differ into the table of keys, in numbered parts; resolves to how many there are. */
  async findKeys(): Promise<number> {
    const { attempt, changes, suspects, chunkKeys } = this.#options;
    const affected = this.#node.affectedKeys(changes);
    const parts = [affected, suspects].filter((part) => part !== undefined);
    if (parts.length === 0) return 0;
    const names = this.#node.refreshKey.map((_, index) => `k${index + 1}`);
    const part = `intDiv(rowNumberInAllBlocks(), ${chunkKeys})`;
    const from =
      parts.length === 1 ? parts.join() : `SELECT DISTINCT * FROM (${parts.join(' UNION ALL ')})`;
    return this.#run(
      `INSERT INTO ${this.#node.tables.keys} SELECT ${[...names, attempt.build, part].join(', ')} FROM (${from})`,
    );
  }

  async forgetKeys(): Promise<void> {
    await this.#run(`TRUNCATE TABLE ${this.#node.tables.keys}`);
  }

  /** Writes what differs for these keys into the delta; resolves to its number of rows. */
  async recompute(keys: number): Promise<number> {
    const { attempt, isSmall, isAlone, omit, chunkKeys, engine, signal } = this.#options;
    const node = this.#node;
    let last = 0;
    if (keys > chunkKeys) {
      const sql = `SELECT max(${partColumn}) AS part FROM ${node.tables.keys} WHERE ${buildColumn} = ${attempt.build}`;
      const [row] = await engine.rows<{ part: number | string }>(sql, { signal });
      last = Number(row?.part ?? 0);
    }
    let changed = 0;
    for (let part = 0; part <= last; part += 1) {
      const keySet = this.#keySet(last === 0 ? undefined : part);
      const stored = storedRows(node, keySet, omit);
      const computed = node.recompute({ keys: keySet, isSmall });
      const delta = fillDelta(node, { stored, computed, build: attempt.build });
      changed += await this.#run(delta, settingsFor(Math.min(keys, chunkKeys), isAlone()));
    }
    return changed;
  }

  /** Computes all rows beside the old ones and writes what differs into the delta. */
  async rebuild(): Promise<number> {
    const { attempt } = this.#options;
    const node = this.#node;
    const settings = settingsFor(Number.POSITIVE_INFINITY);
    await fillShadow(node, attempt, (sql) => this.#run(sql, settings));
    const stored = `${node.tables.rows} FINAL`;
    const names = quoteNames(node.columns.map(({ name }) => name));
    const computed = `SELECT ${names} FROM ${node.tables.shadow} FINAL`;
    return this.#run(fillDelta(node, { stored, computed, build: attempt.build }), settings);
  }

  async putInPlace(): Promise<void> {
    const { rows, shadow } = this.#node.tables;
    await this.#run(`EXCHANGE TABLES ${rows} AND ${shadow}`);
    await this.#run(`DROP TABLE IF EXISTS ${shadow}`);
  }

  async apply(): Promise<void> {
    await this.#run(applyDelta(this.#node, this.#options.attempt.build));
  }

  async hasDelta(): Promise<boolean> {
    const { engine, attempt, signal } = this.#options;
    signal.throwIfAborted();
    const { delta } = this.#node.tables;
    const sql = `SELECT 1 AS found FROM ${delta} WHERE ${buildColumn} > ${attempt.since} LIMIT 1`;
    return (await engine.rows(sql, { signal })).length > 0;
  }

  #keySet(part: number | undefined): KeySet {
    const { keys } = this.#node.tables;
    const only = part === undefined ? '' : ` AND ${partColumn} = ${part}`;
    return {
      from: `${keys} WHERE ${buildColumn} = ${this.#options.attempt.build}${only}`,
      types: this.#node.refreshKey.map(({ type }) => type),
    };
  }

  async #run(sql: string, settings: StatementSettings = {}): Promise<number> {
    const { engine, signal } = this.#options;
    signal.throwIfAborted();
    return (await engine.command(sql, { signal, settings })).writtenRows;
  }
}
