import type { Catalog } from '../catalog/catalog.ts';
import type { TableId } from '../change/table-id.ts';
import type { TableSchema } from '../change/table-schema.ts';
import type { ChangeFeed, FeedEntry } from '../load/change-feed.ts';
import type { LoadStep } from '../load/load-step.ts';
import type { ChangeLog } from '../log/change-log.ts';
import { noProgress, offsetKey, progressKey, type ShareProgress, withStep } from './share-state.ts';

/** The log as one share sees it: its tables only, and its offset kept with the data. */
export class ShareFeed implements ChangeFeed {
  readonly #log: ChangeLog;
  readonly #catalog: Catalog;
  readonly #wants: (table: TableId) => boolean;
  /** The layers have taken note of what was loaded before it. */
  notedTo = -1;

  constructor(log: ChangeLog, catalog: Catalog, wants: (table: TableId) => boolean) {
    this.#log = log;
    this.#catalog = catalog;
    this.#wants = wants;
  }

  read(offset: number, maxBytes: number): Promise<FeedEntry[]> {
    return this.#log.read(offset, maxBytes, this.#wants);
  }

  waitFor(offset: number, signal: AbortSignal): Promise<void> {
    return this.#log.waitFor(offset, signal);
  }

  schema(table: TableId, version: string): TableSchema | undefined {
    return this.#log.schema(table, version);
  }

  committed(): number {
    return this.#catalog.get<number>(offsetKey) ?? this.#log.stats().firstOffset;
  }

  async commit(_consumer: string, offset: number, step: LoadStep): Promise<void> {
    const before = this.#catalog.get<ShareProgress>(progressKey) ?? noProgress;
    const progress = withStep(before, step, this.notedTo);
    await this.#catalog.batch({ [offsetKey]: offset, [progressKey]: progress });
  }
}
