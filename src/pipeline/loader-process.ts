import { setTimeout as delay } from 'node:timers/promises';
import { CdcError } from '../errors.ts';
import type { StateTable } from '../load/clickhouse/state-table.ts';
import type { LoadStep } from '../load/load-step.ts';
import { nextMove } from './cut-order.ts';
import { LoadShare, type ShareParts } from './load-share.ts';
import type { ShareGroup } from './share-group.ts';
import { arrangeShares } from './share-layout.ts';
import { StateBoard } from './state-board.ts';

export interface LoaderProcessOptions extends ShareParts {
  readonly table: StateTable;
  readonly group: ShareGroup;
  readonly shares: number;
  /** Names this process, for people; no other process has it. */
  readonly ownerId: string;
  readonly onStep?: (step: LoadStep) => void;
}

const waitMs = 20;

/** A share is no longer this process's: whatever was under way is left to its new owner. */
class ShareLost extends Error {}

/**
 * The shares that the group gives to this process, each loading for itself, until the group divides anew:
 *
 *     join ─> take over ─> load ... rebalance ─> finish steps ─> join ─> ...
 *
 * Two things keep a process that was stopped for long from doing harm when it goes on: it looks at the age
 * of its last heartbeat before every call of ODS, and the state it writes is of an epoch that is over.
 */
export class LoaderProcess {
  readonly #options: LoaderProcessOptions;
  readonly #board: StateBoard;
  #shares: readonly LoadShare[] = [];
  #heardAtMs = 0;
  #isLost = false;

  constructor(options: LoaderProcessOptions) {
    this.#options = options;
    this.#board = new StateBoard(options.table);
  }

  /** Those of this process now. */
  get shares(): readonly LoadShare[] {
    return this.#shares;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { group, table, shares, logger } = this.#options;
    await arrangeShares(table, shares);
    while (!signal.aborted) {
      const numbers = await group.join(signal);
      if (signal.aborted) return;
      this.#heardAtMs = performance.now();
      this.#isLost = false;
      logger.info({ component: 'loader', shares: numbers }, 'Shares of this loader.');
      await this.#work(numbers, signal);
    }
  }

  /** Ends when the group divides anew, when a share is lost, or when the signal aborts. */
  async #work(numbers: readonly number[], signal: AbortSignal): Promise<void> {
    const done = new AbortController();
    const divideAnew = new AbortController();
    const beating = this.#beat(done.signal, () => divideAnew.abort());
    const reading = this.#board.run(done.signal, () => this.#assertLayout());
    const loading = this.#load(numbers, AbortSignal.any([signal, divideAnew.signal]), signal);
    try {
      await Promise.race([loading, beating.then(() => loading), reading.then(() => loading)]);
    } catch (error) {
      this.#isLost = true;
      if (!(error instanceof ShareLost)) throw error;
    } finally {
      divideAnew.abort();
      await Promise.allSettled([loading]);
      done.abort();
      await Promise.allSettled([beating, reading]);
      this.#shares = [];
    }
  }

  async #beat(signal: AbortSignal, onRebalance: () => void): Promise<void> {
    const { group } = this.#options;
    while (!signal.aborted) {
      const sentAtMs = performance.now();
      const answer = await group.heartbeat();
      if (answer === 'lost') this.#isLost = true;
      if (answer === 'steady' || answer === 'rebalance') this.#heardAtMs = sentAtMs;
      if (answer === 'lost' || answer === 'rebalance') onRebalance();
      await delay(group.sessionMs / 10, undefined, { signal }).catch(() => undefined);
    }
  }

  async #load(numbers: readonly number[], stop: AbortSignal, signal: AbortSignal): Promise<void> {
    const { shares: count, table, ownerId, ...parts } = this.#options;
    const assertOwned = () => this.#assertOwned();
    const taken = numbers.map((number) =>
      LoadShare.takeOver({ number, count }, { ...parts, table, ownerId, assertOwned }),
    );
    this.#shares = await Promise.all(taken);
    await this.#board.read();
    const failed = new AbortController();
    const quiet = AbortSignal.any([stop, failed.signal]);
    const loops = this.#shares.map((share) =>
      this.#loadShare(share, quiet, signal).catch((error) => {
        failed.abort();
        throw error;
      }),
    );
    const results = await Promise.allSettled(loops);
    for (const result of results) if (result.status === 'rejected') throw result.reason;
    // Without a share there is nothing to do until the group divides anew.
    if (loops.length === 0) await aborted(quiet);
  }

  async #loadShare(share: LoadShare, stop: AbortSignal, signal: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      this.#assertOwned();
      if (this.#board.owner(share.consumer)?.id !== this.#options.ownerId) throw new ShareLost();
      const { order } = this.#board;
      if (order !== undefined) share.noteTaken(order.from);
      const move = nextMove({
        order,
        isUnfinished: share.isUnfinished(),
        offset: share.offset(),
        standing: share.standing,
      });
      if (move.kind === 'stand') await share.stand(move.id);
      else if (move.kind === 'wait') await delay(waitMs);
      else {
        const step = await share.step(signal, move.kind === 'load' ? move.until : undefined);
        if (step !== undefined) this.#options.onStep?.(step);
        // The target may be ahead of what this process has seen of the log.
        else await delay(waitMs);
      }
    }
  }

  #assertOwned(): void {
    const { sessionMs } = this.#options.group;
    if (this.#isLost || performance.now() - this.#heardAtMs > sessionMs) throw new ShareLost();
  }

  #assertLayout(): void {
    const { shares } = this.#options;
    const now = this.#board.shares;
    if (now === undefined || now === shares) return;
    throw new CdcError(
      'CDC_CONFIG_INVALID',
      `Loading: load.shares is ${shares} here, and another process has divided the tables into ${now}.`,
      { remedy: 'Use the same project file for all loaders.' },
    );
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
