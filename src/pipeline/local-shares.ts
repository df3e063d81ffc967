import { setTimeout as delay } from 'node:timers/promises';
import { comparePositions, type Position } from '../change/position.ts';
import { withinTime } from '../lib/time-limit.ts';
import type { LoadStep } from '../load/load-step.ts';
import type { PausedTable } from '../load/paused-tables.ts';
import type { ChangeLog } from '../log/change-log.ts';
import type { LoadShare } from './load-share.ts';
import type { WarehouseLoader } from './warehouse-loader.ts';

/** Entries that several shares load before they stand still together. */
const stepEntries = 2_000;
const idleMs = 100;

export interface LocalSharesOptions {
  readonly flushMs: number;
  /** Throws when another process has taken a share over. */
  readonly assertOwned?: () => Promise<void>;
}

/** All shares in this process, step by step to the same place. */
export class LocalShares implements WarehouseLoader {
  readonly #shares: readonly LoadShare[];
  readonly #log: ChangeLog;
  readonly #options: LocalSharesOptions;
  #steppedAt = Number.NEGATIVE_INFINITY;

  constructor(shares: readonly LoadShare[], log: ChangeLog, options: LocalSharesOptions) {
    this.#shares = shares;
    this.#log = log;
    this.#options = options;
  }

  get shares(): readonly LoadShare[] {
    return this.#shares;
  }

  offset(): number {
    return Math.min(...this.#shares.map((share) => share.offset()));
  }

  position(): Position | undefined {
    const offset = this.offset();
    return newest(this.#shares.filter((share) => share.offset() === offset));
  }

  async step(signal: AbortSignal): Promise<LoadStep | undefined> {
    await this.#options.assertOwned?.();
    const [only, ...others] = this.#shares;
    if (only !== undefined && others.length === 0) return await only.step(signal);
    const from = this.offset();
    const target = await this.#target(from, signal);
    if (target === undefined) return undefined;
    const steps = await Promise.all(this.#shares.map((share) => bring(share, target, signal)));
    this.#steppedAt = performance.now();
    if (signal.aborted) return undefined;
    for (const share of this.#shares) share.noteTaken(this.offset());
    return merge({ from, to: this.offset(), position: this.position() }, steps);
  }

  async standsStill(): Promise<boolean> {
    return true;
  }

  paused(): readonly PausedTable[] {
    return this.#shares.flatMap((share) => share.paused());
  }

  /** After a crash the first step brings all to the place of the foremost. */
  async #target(from: number, signal: AbortSignal): Promise<number | undefined> {
    const foremost = Math.max(...this.#shares.map((share) => share.offset()));
    if (foremost > from || this.#shares.some((share) => share.isUnfinished())) return foremost;
    await withinTime(idleMs, signal, (inner) => this.#log.waitFor(from, inner));
    if (this.#log.end() <= from) return undefined;
    const waitMs = this.#options.flushMs - (performance.now() - this.#steppedAt);
    if (waitMs > 0) await delay(waitMs, undefined, { signal }).catch(() => undefined);
    return Math.min(this.#log.end(), from + stepEntries);
  }
}

/** Loads one share up to a place; more than one step when a plan or much data is in the way. */
async function bring(share: LoadShare, target: number, signal: AbortSignal): Promise<LoadStep[]> {
  const steps: LoadStep[] = [];
  while (!signal.aborted && (share.isUnfinished() || share.offset() < target)) {
    const step = await share.step(signal, target);
    if (step !== undefined) steps.push(step);
  }
  return steps;
}

function newest(shares: readonly LoadShare[]): Position | undefined {
  const positions = shares.flatMap((share) => share.position() ?? []);
  return positions.sort(comparePositions).at(-1);
}

/** `steps`: of each share. */
function merge(
  place: Pick<LoadStep, 'from' | 'to' | 'position'>,
  steps: readonly (readonly LoadStep[])[],
): LoadStep {
  const all = steps.flat().toSorted((left, right) => left.to - right.to);
  const last = all.findLast(({ committedAtMs }) => committedAtMs !== undefined);
  const transactionsOf = (own: readonly LoadStep[]) =>
    own.reduce((sum, { transactions }) => sum + transactions, 0);
  return {
    ...place,
    tables: new Set(all.flatMap(({ tables }) => [...tables])),
    rows: all.reduce((sum, { rows }) => sum + rows, 0),
    // Every share meets every transaction.
    transactions: Math.max(0, ...steps.map(transactionsOf)),
    committedAtMs: last?.committedAtMs,
    receivedAtMs: last?.receivedAtMs,
    sweeps: all.flatMap(({ sweeps }) => sweeps),
    resnapshotted: all.flatMap(({ resnapshotted }) => resnapshotted),
    paused: all.flatMap(({ paused }) => paused),
  };
}
