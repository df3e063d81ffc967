import { randomUUID } from 'node:crypto';
import type { Catalog } from '../catalog/catalog.ts';
import type { Position } from '../change/position.ts';
import type { TableId } from '../change/table-id.ts';
import type { FeedEntry } from './change-feed.ts';

const planKey = 'load/plan';
const releasedPrefix = 'load/released/';

/** What the loader is about to write, as it is kept in the catalog. */
interface PlanRecord {
  /** Begins every token of the plan, so that a token never names other rows. */
  readonly id: string;
  readonly from: number;
  /** Offset after the last entry. */
  readonly to: number;
  /** Source position of the stream before these entries and after them. */
  readonly before: Position | undefined;
  readonly after: Position | undefined;
  /** Tables to be made anew before anything is written to them. */
  readonly recreate: readonly TableId[];
  /** Operations of a table that are done and must not be sent again, because a barrier came after. */
  readonly done: Readonly<Record<TableId, number>>;
}

/**
 * The boundaries of one batch, fixed on disk before anything of it is sent. After a crash the same
 * entries are sent again with the same tokens:
 *
 *     plan from..to ──> writes ──> consumer offset = to
 *          └── crash: offset is still `from`, so the plan found is the one to repeat
 */
export class LoadPlan {
  readonly #catalog: Catalog;
  #record: PlanRecord;

  private constructor(catalog: Catalog, record: PlanRecord) {
    this.#catalog = catalog;
    this.#record = record;
  }

  /** The plan that begins at `offset` and was not finished. */
  static find(catalog: Catalog, offset: number): LoadPlan | undefined {
    const record = catalog.get<PlanRecord>(planKey);
    return record?.from === offset ? new LoadPlan(catalog, record) : undefined;
  }

  static async make(
    catalog: Catalog,
    entries: readonly FeedEntry[],
    range: { readonly from: number; readonly to: number },
  ): Promise<LoadPlan> {
    const changed = new Set(
      entries
        .flatMap(({ batch }) =>
          batch.sections.filter(
            ({ kind }) => kind === 'rows' || kind === 'messages' || kind === 'schema',
          ),
        )
        .map(({ table }) => table),
    );
    const recreate = releasedTables(catalog).filter((table) => changed.has(table));
    const before = loadedPosition(catalog, range.from);
    const after = entries.findLast(({ batch }) => batch.origin === 'stream')?.batch.position;
    const record: PlanRecord = {
      id: randomUUID(),
      ...range,
      before,
      after: after ?? before,
      recreate,
      done: {},
    };
    // In one commit: a table released is made anew once, by this plan and by every repeat of it.
    const released = recreate.map((table) => [releasedPrefix + table, undefined]);
    await catalog.batch({ [planKey]: record, ...Object.fromEntries(released) });
    return new LoadPlan(catalog, record);
  }

  get from(): number {
    return this.#record.from;
  }

  get to(): number {
    return this.#record.to;
  }

  get position(): Position | undefined {
    return this.#record.after;
  }

  recreates(table: TableId): boolean {
    return this.#record.recreate.includes(table);
  }

  token(table: TableId, operation: number): string {
    return `${this.#record.id}/${table}/${operation}`;
  }

  doneOf(table: TableId): number {
    return this.#record.done[table] ?? 0;
  }

  /** The first `count` operations of the table are done for good. */
  async recordDone(table: TableId, count: number): Promise<void> {
    this.#record = { ...this.#record, done: { ...this.#record.done, [table]: count } };
    await this.#catalog.put(planKey, this.#record);
  }
}

/** The place in the stream that belongs to the offset loaded. */
export function loadedPosition(catalog: Catalog, offset: number): Position | undefined {
  const record = catalog.get<PlanRecord>(planKey);
  return record !== undefined && offset < record.to ? record.before : record?.after;
}

/** Keys to write so that the tables are made anew before anything else is written to them. */
export function releaseKeys(tables: readonly TableId[]): Record<string, true> {
  return Object.fromEntries(tables.map((table) => [releasedPrefix + table, true]));
}

function releasedTables(catalog: Catalog): TableId[] {
  return [...catalog.entries(releasedPrefix).keys()].map((key) => key.slice(releasedPrefix.length));
}
