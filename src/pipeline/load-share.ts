import type { Catalog } from '../catalog/catalog.ts';
import type { TableId } from '../change/table-id.ts';
import type { StateTable } from '../load/clickhouse/state-table.ts';
import { type ScopeOwner, WarehouseCatalog } from '../load/clickhouse/warehouse-catalog.ts';
import type { LoadStep } from '../load/load-step.ts';
import { Loader, type LoaderOptions } from '../load/loader.ts';
import type { Ods } from '../load/ods.ts';
import { type PausedTable, pausedTables } from '../load/paused-tables.ts';
import type { ChangeLog } from '../log/change-log.ts';
import type { Logger } from '../ops/logger.ts';
import { releasedPrefix } from './capture-state.ts';
import { type Standing, standKey } from './cut-order.ts';
import { ownedOds } from './owned-ods.ts';
import { ShareFeed } from './share-feed.ts';
import { offsetKey, progressKey, type ShareId, shareConsumer, shareOf } from './share-state.ts';

export interface ShareParts {
  readonly log: ChangeLog;
  readonly ods: Ods;
  readonly options: LoaderOptions['options'];
  readonly logger: Logger;
}

/** One share of the loading: a loader over its tables, with its state. */
export class LoadShare {
  readonly id: ShareId;
  readonly consumer: string;
  /** Undefined for a share in the state folder, which nobody else can take. */
  readonly owner: ScopeOwner | undefined;
  readonly #log: ChangeLog;
  readonly #catalog: Catalog;
  readonly #loader: Loader;
  readonly #feed: ShareFeed | undefined;

  /** All of the loading, with its state in the project's catalog and its offset in the log. */
  static inStateFolder(parts: ShareParts, catalog: Catalog): LoadShare {
    const loader = new Loader({ ...parts, catalog });
    return new LoadShare({ number: 0, count: 1 }, parts.log, catalog, loader);
  }

  /**
   * Takes a share over, with its state as it is in the warehouse; a step that its former owner had begun
   * is finished first. `assertOwned` throws when the share is no longer ours.
   */
  static async takeOver(
    id: ShareId,
    parts: ShareParts & {
      readonly table: StateTable;
      readonly ownerId: string;
      readonly assertOwned: () => void;
    },
  ): Promise<LoadShare> {
    const consumer = shareConsumer(id);
    const keys = [offsetKey, progressKey, standKey, 'load/plan'];
    const catalog = await WarehouseCatalog.takeOver(parts.table, consumer, parts.ownerId, keys);
    const feed = new ShareFeed(
      parts.log,
      catalog,
      (table) => shareOf(table, id.count) === id.number,
    );
    if (catalog.get(offsetKey) === undefined) await catalog.put(offsetKey, feed.committed());
    const ods = ownedOds(parts.ods, parts.assertOwned);
    const loader = new Loader({ ...parts, ods, log: feed, catalog, consumer });
    return new LoadShare(id, parts.log, catalog, loader, feed, catalog.owner);
  }

  private constructor(
    id: ShareId,
    log: ChangeLog,
    catalog: Catalog,
    loader: Loader,
    feed?: ShareFeed,
    owner?: ScopeOwner,
  ) {
    this.id = id;
    this.consumer = shareConsumer(id);
    this.owner = owner;
    this.#log = log;
    this.#catalog = catalog;
    this.#loader = loader;
    this.#feed = feed;
  }

  offset(): number {
    return this.#loader.offset();
  }

  position(): ReturnType<Loader['position']> {
    return this.#loader.position();
  }

  isUnfinished(): boolean {
    return this.#loader.isUnfinished();
  }

  wants(table: TableId): boolean {
    return shareOf(table, this.id.count) === this.id.number;
  }

  paused(): PausedTable[] {
    return [...pausedTables(this.#catalog).values()];
  }

  get standing(): Standing | undefined {
    return this.#catalog.get<Standing>(standKey);
  }

  /** Says that nothing is loaded until the hold ends. */
  async stand(id: string): Promise<void> {
    await this.#catalog.put(standKey, { id, offset: this.offset() } satisfies Standing);
  }

  /** The layers have taken note of what was loaded before the offset. */
  noteTaken(offset: number): void {
    if (this.#feed !== undefined) this.#feed.notedTo = Math.max(this.#feed.notedTo, offset);
  }

  /** As `Loader.step`. A pause ends at the place in the log where `cdc init --tables` asked for it. */
  async step(signal: AbortSignal, until?: number): Promise<LoadStep | undefined> {
    const places = this.paused().flatMap(({ table, since }) => {
      const at = this.#log.checkpoint<number>(releasedPrefix + table);
      return at !== undefined && at > since ? [{ table, at }] : [];
    });
    const offset = this.offset();
    const due = places.filter(({ at }) => at <= offset).map(({ table }) => table);
    if (due.length > 0) await this.#loader.release(due);
    const later = places.filter(({ at }) => at > offset).map(({ at }) => at);
    const bounds = until === undefined ? later : [until, ...later];
    return await this.#loader.step(signal, bounds.length === 0 ? undefined : Math.min(...bounds));
  }
}
