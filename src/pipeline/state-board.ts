import { setTimeout as delay } from 'node:timers/promises';
import type { StateTable } from '../load/clickhouse/state-table.ts';
import type { ScopeOwner } from '../load/clickhouse/warehouse-catalog.ts';
import { type CutOrder, graceMs, layersScope, orderKey } from './cut-order.ts';
import { layoutKey, layoutScope } from './share-layout.ts';

const pollMs = 50;

/** What the state table says to all loaders, read a few times a second for all shares of a process. */
export class StateBoard {
  readonly #table: StateTable;
  #owners: ReadonlyMap<string, ScopeOwner> = new Map();
  #reads = 0;
  #newest = 0;
  /** The live order, if there is one. */
  order: CutOrder | undefined;
  /** Shares that the loading is divided into. */
  shares: number | undefined;

  constructor(table: StateTable) {
    this.#table = table;
  }

  /** Who has a scope now. */
  owner(scope: string): ScopeOwner | undefined {
    return this.#owners.get(scope);
  }

  async read(): Promise<void> {
    const turn = ++this.#reads;
    const { nowMs, rows } = await this.#table.read('', [orderKey, 'owner', layoutKey]);
    // An answer that was overtaken says less than what is known.
    if (turn < this.#newest) return;
    this.#newest = turn;
    const owners = new Map<string, ScopeOwner>();
    let order: CutOrder | undefined;
    for (const { scope, key, value, writtenAtMs } of rows) {
      if (value === '') continue;
      const parsed: unknown = JSON.parse(value);
      if (key === 'owner') owners.set(scope, parsed as ScopeOwner);
      if (key === layoutKey && scope === layoutScope) this.shares = parsed as number;
      if (key !== orderKey || scope !== layersScope) continue;
      const found = parsed as CutOrder;
      if (nowMs < writtenAtMs + found.leaseMs + graceMs) order = found;
    }
    this.#owners = owners;
    this.order = order;
  }

  /** Keeps reading until the signal aborts; `onRead` after each. Throws what the engine refuses. */
  async run(signal: AbortSignal, onRead: () => void): Promise<void> {
    while (!signal.aborted) {
      await this.read();
      onRead();
      await delay(pollMs, undefined, { signal }).catch(() => undefined);
    }
  }
}
