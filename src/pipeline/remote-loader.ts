import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { comparePositions, type Position } from '../change/position.ts';
import { CdcError } from '../errors.ts';
import { withinTime } from '../lib/time-limit.ts';
import type { StateTable, StoredState } from '../load/clickhouse/state-table.ts';
import { type ScopeOwner, WarehouseCatalog } from '../load/clickhouse/warehouse-catalog.ts';
import type { LoadStep } from '../load/load-step.ts';
import type { ChangeLog } from '../log/change-log.ts';
import type { Logger } from '../ops/logger.ts';
import {
  afterEvent,
  type CutEvent,
  type CutOrder,
  type CutState,
  layersScope,
  orderKey,
  type Standing,
  standKey,
} from './cut-order.ts';
import { arrangeShares } from './share-layout.ts';
import {
  allShares,
  offsetKey,
  progressKey,
  type ShareProgress,
  shareConsumer,
} from './share-state.ts';
import type { WarehouseLoader } from './warehouse-loader.ts';

export interface RemoteLoaderOptions {
  readonly table: StateTable;
  readonly log: ChangeLog;
  readonly shares: number;
  /** Names this process, for people. */
  readonly ownerId: string;
  readonly logger: Logger;
  readonly leaseMs?: number;
}

const idleMs = 100;
const pollMs = 20;
/** Entries between two cuts while catching up. */
const stepEntries = 20_000;
const warnEveryMs = 15_000;

/** Loading done by other processes, led from cut to cut as `cut-order.ts` describes. */
export class RemoteLoader implements WarehouseLoader, AsyncDisposable {
  readonly #options: RemoteLoaderOptions;
  readonly #catalog: WarehouseCatalog;
  readonly #leaseMs: number;
  readonly #timer: NodeJS.Timeout;
  #state: CutState = 'apart';
  #order: CutOrder | undefined;
  /** Until when the order that loaders see is live, by the engine's clock. */
  #liveUntilMs: number | undefined;
  #writing: Promise<void> = Promise.resolve();
  #offset = -1;
  #position: Position | undefined;
  #lost: CdcError | undefined;

  /** Where others lead the loaders, the last to come does, and the former one stops. */
  static async open(options: RemoteLoaderOptions): Promise<RemoteLoader> {
    await arrangeShares(options.table, options.shares);
    const catalog = await WarehouseCatalog.takeOver(options.table, layersScope, options.ownerId, [
      orderKey,
    ]);
    return new RemoteLoader(options, catalog);
  }

  private constructor(options: RemoteLoaderOptions, catalog: WarehouseCatalog) {
    this.#options = options;
    this.#catalog = catalog;
    this.#leaseMs = options.leaseMs ?? 10_000;
    this.#timer = setInterval(() => {
      // A lease that could not be renewed in time is found by whoever relies on it.
      if (this.#state !== 'apart') this.#renew().catch(() => undefined);
    }, this.#leaseMs / 4);
  }

  offset(): number {
    return this.#offset;
  }

  position(): Position | undefined {
    return this.#position;
  }

  async step(signal: AbortSignal): Promise<LoadStep | undefined> {
    // A hold that an error broke off is begun again.
    if (this.#state === 'holding') this.#note('lapsed');
    if (this.#state === 'apart') {
      await this.#hold(signal);
    } else if (this.#state === 'still') {
      const target = await this.#nextTarget(signal);
      if (target === undefined) return undefined;
      this.#note('advanced');
      await this.#give({ ...this.#lease(), kind: 'target', offset: target });
    }
    return await this.#arrive(signal);
  }

  async standsStill(): Promise<boolean> {
    await this.#renew();
    return this.#state === 'still';
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    this.#state = 'apart';
    await this.#writing.catch(() => undefined);
    // Loaders need not wait for the lease to run out.
    if (this.#lost === undefined) await this.#catalog.remove(orderKey).catch(() => undefined);
    await this.#catalog[Symbol.asyncDispose]();
  }

  /** First contact, or the lease has lapsed: every share stops where it is. */
  async #hold(signal: AbortSignal): Promise<void> {
    this.#note('asked');
    const hold = { ...this.#lease(), kind: 'hold' } as const;
    await this.#give(hold);
    const standings = await this.#awaitShares(signal, standKey, (found) => {
      const standing = found as Standing | undefined;
      return standing?.id === hold.id ? standing.offset : undefined;
    });
    if (standings === undefined || this.#state !== 'holding') return;
    this.#note('stood');
    await this.#give({ ...this.#lease(), kind: 'target', offset: Math.max(...standings) });
  }

  async #nextTarget(signal: AbortSignal): Promise<number | undefined> {
    const { log } = this.#options;
    await withinTime(idleMs, signal, (inner) => log.waitFor(this.#offset, inner));
    const target = Math.min(log.end(), this.#offset + stepEntries);
    return target > this.#offset && !signal.aborted ? target : undefined;
  }

  /** Waits until every share has reached the target; undefined when the lease lapsed on the way. */
  async #arrive(signal: AbortSignal): Promise<LoadStep | undefined> {
    const order = this.#order;
    if (this.#state !== 'heading' || order?.kind !== 'target') return undefined;
    const offsets = await this.#awaitShares(signal, offsetKey, (found) => {
      const offset = found as number | undefined;
      return offset !== undefined && offset >= order.offset ? offset : undefined;
    });
    if (offsets === undefined || this.#state !== 'heading') return undefined;
    const from = this.#offset;
    const progress = await this.#progress();
    this.#note('reached');
    // An entry that begins before the target may end behind it; then all shares stand there.
    this.#offset = Math.max(...offsets);
    this.#position = newestPosition(progress) ?? this.#position;
    return stepOf(progress, { from, to: this.#offset, position: this.#position });
  }

  async #progress(): Promise<ShareProgress[]> {
    const rows = await this.#ofShares(progressKey);
    return [...rows.values()].flatMap((value) => (value as ShareProgress | undefined) ?? []);
  }

  /** Polls until `accept` takes the value of every share; undefined when there is no point in waiting on. */
  async #awaitShares(
    signal: AbortSignal,
    key: string,
    accept: (value: unknown) => number | undefined,
  ): Promise<number[] | undefined> {
    const state = this.#state;
    let warnAt = performance.now() + warnEveryMs;
    while (!signal.aborted && this.#state === state) {
      if (this.#lost !== undefined) throw this.#lost;
      const values = await this.#ofShares(key);
      const accepted = [...values.values()].map(accept);
      if (accepted.every((each) => each !== undefined)) return accepted;
      if (performance.now() > warnAt) {
        warnAt = performance.now() + warnEveryMs;
        const waitingFor = [...values.keys()].filter((_, index) => accepted[index] === undefined);
        this.#options.logger.warn(
          { component: 'layers', shares: waitingFor },
          'Waiting for loaders; start `cdc run --only load` if none runs.',
        );
      }
      await delay(pollMs, undefined, { signal }).catch(() => undefined);
    }
    return undefined;
  }

  /** The value of a key in the scope of every share. */
  async #ofShares(key: string): Promise<ReadonlyMap<string, unknown>> {
    const consumers = allShares(this.#options.shares).map(shareConsumer);
    const { rows } = await this.#options.table.read('', [key]);
    const found = new Map(rows.map((row) => [row.scope, parsedValue(row)]));
    return new Map(consumers.map((consumer) => [consumer, found.get(consumer)]));
  }

  #lease(): { id: string; leaseMs: number; from: number } {
    return { id: randomUUID(), leaseMs: this.#leaseMs, from: this.#offset };
  }

  #note(event: CutEvent): void {
    const next = afterEvent(this.#state, event);
    if (next === undefined) {
      throw new CdcError('CDC_INTERNAL', `Leading the loaders: ${event} while ${this.#state}.`);
    }
    this.#state = next;
    if (next === 'apart') this.#liveUntilMs = undefined;
  }

  async #give(order: CutOrder): Promise<void> {
    this.#order = order;
    await this.#renew();
  }

  /** Writes the order again, for another lease; one write after another. */
  #renew(): Promise<void> {
    const renewal = this.#writing.then(() => this.#write());
    this.#writing = renewal.catch(() => undefined);
    return renewal;
  }

  async #write(): Promise<void> {
    if (this.#lost !== undefined) throw this.#lost;
    if (this.#state === 'apart' || this.#order === undefined) return;
    await this.#catalog.put(orderKey, this.#order);
    // The time is asked for after the write: the row could be seen by then.
    const { nowMs, rows } = await this.#options.table.read(layersScope, [orderKey, 'owner']);
    const owner = rows.find(({ key }) => key === 'owner');
    this.#assertOwned(owner && (parsedValue(owner) as ScopeOwner));
    const writtenAtMs = rows.find(({ key }) => key === orderKey)?.writtenAtMs ?? 0;
    if (this.#liveUntilMs !== undefined && nowMs > this.#liveUntilMs) this.#note('lapsed');
    else this.#liveUntilMs = writtenAtMs + this.#leaseMs;
  }

  #assertOwned(owner: ScopeOwner | undefined): void {
    if (owner?.id === this.#catalog.owner.id) return;
    this.#lost = new CdcError(
      'CDC_PROJECT_LOCKED',
      `Refreshing layers: ${owner?.id ?? 'another process'} has begun to do so in the same warehouse.`,
      { remedy: 'Leave one process with the layers running for each warehouse.' },
    );
    throw this.#lost;
  }
}

function parsedValue({ value }: StoredState): unknown {
  return value === '' ? undefined : JSON.parse(value);
}

function newestPosition(progress: readonly ShareProgress[]): Position | undefined {
  const positions = progress.flatMap(({ position }) => position ?? []);
  return positions.sort(comparePositions).at(-1);
}

function stepOf(
  progress: readonly ShareProgress[],
  place: Pick<LoadStep, 'from' | 'to' | 'position'>,
): LoadStep {
  const tables = progress.flatMap(({ tables }) => Object.entries(tables));
  const sweeps = progress.flatMap(({ sweeps }) => Object.values(sweeps));
  return {
    ...place,
    tables: new Set(tables.filter(([, at]) => at > place.from).map(([table]) => table)),
    sweeps: sweeps
      .filter(({ offset }) => offset > place.from)
      .map(({ offset: _, version, ...sweep }) => ({ ...sweep, version: BigInt(version) })),
    // What the loaders count themselves.
    rows: 0,
    transactions: 0,
    committedAtMs: undefined,
    receivedAtMs: undefined,
    resnapshotted: [],
    paused: [],
  };
}
