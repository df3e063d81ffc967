import type { FeedTable } from './feed.ts';
import { nextPlace, prepareOptions } from './next-place.ts';
import { type Place, tableOf } from './place.ts';
import { type RowRange, RowSelect } from './row-select.ts';
import { planTable, type TablePlan } from './table-plan.ts';
import { TableWriter, type TableWriterOptions, type Written } from './table-writer.ts';

/** Rows of one statement for a sink of lines: a fill that breaks off goes on from the last one. */
const rowsPerRange = 500_000;

export interface TableCopierOptions extends TableWriterOptions {
  /** Id of the state folder. */
  readonly owner: string;
}

export interface CopyStep extends Written {
  /** The store has everything that is published. */
  readonly isCurrent: boolean;
}

const nothingNew: CopyStep = { rows: 0, refused: 0, isCurrent: true };

/**
 * Brings one table of one sink forward, a range of rows at a time.
 *
 *     place in the store ──> range (upTo, readTo], keys (after, last] ──> batches ──> place moves with the last one
 *
 * Whatever breaks off on the way, the place in the store says where to go on; what is sent twice is harmless. Calls of one
 * copier come one after another. A call that throws leaves it usable.
 */
export class TableCopier {
  readonly #setup: TableCopierOptions;
  readonly #writer: TableWriter;
  #plan: TablePlan | undefined;

  constructor(source: string, setup: TableCopierOptions) {
    this.#setup = setup;
    this.#writer = new TableWriter(source, setup);
  }

  /** Where the store is; undefined: it has nothing, or was not asked yet. */
  get place(): Place | undefined {
    return this.#writer.place;
  }

  /** What the store would be told to make the table fit; for `--dry-run`. */
  async planDdl(feed: FeedTable): Promise<readonly string[]> {
    const { table } = await this.plan(feed);
    return this.#setup.sink.plan(table, prepareOptions(this.#setup.options));
  }

  /** The table as the sink wants it. Throws CDC_SINK_INCOMPATIBLE. */
  async plan(feed: FeedTable): Promise<TablePlan> {
    const { options, engine } = this.#setup;
    const shapeOf = ({ columns, key }: FeedTable) => JSON.stringify([columns, key]);
    const before = this.#plan;
    const isSame = before !== undefined && shapeOf(before.feed) === shapeOf(feed);
    this.#plan = isSame ? { ...before, feed } : await planTable(feed, options, engine);
    return this.#plan;
  }

  /** Sends one range of rows, if there is one. */
  async copy(feed: FeedTable, signal: AbortSignal): Promise<CopyStep> {
    return this.#known(async () => {
      const plan = await this.plan(feed);
      const { place, isNew } = await nextPlace(plan, this.place, this.#setup);
      return this.#copyRange(plan, place, isNew, signal);
    });
  }

  /**
   * Sends the rows of some keys again as they are now; keys that have no row are deleted. `keys`: a query that gives the key's
   * columns as they are in the warehouse. Nothing when the store has nothing of the table.
   */
  async resend(feed: FeedTable, keys: string, signal: AbortSignal): Promise<Written> {
    return this.#known(async () => {
      const plan = await this.plan(feed);
      const place = this.place;
      if (place === undefined) return { rows: 0, refused: 0 };
      const select = new RowSelect(plan, this.#setup.sink.types);
      const maxRows = this.#rowsPerRange();
      const places = { before: place, after: place };
      const isRepair = true as const;
      const found = { ...select.ofKeys(keys), maxRows, isRepair };
      const sent = await this.#writer.send(plan, found, places, signal);
      const gone = { ...select.deletionsOfMissing(keys), refused: undefined, maxRows, isRepair };
      await this.#writer.send(plan, gone, places, signal);
      return sent;
    });
  }

  /** Removes the table from the store. */
  async drop(feed: FeedTable): Promise<void> {
    const { table } = await this.plan(feed);
    await this.#writer.drop(table);
  }

  async #copyRange(
    plan: TablePlan,
    place: Place,
    isNew: boolean,
    signal: AbortSignal,
  ): Promise<CopyStep> {
    const { feed } = plan;
    const table = tableOf(place, plan.table);
    const select = new RowSelect({ ...plan, table }, this.#setup.sink.types);
    const { range } = place;
    const to = range === undefined ? feed.readTo : BigInt(range.to);
    const all: RowRange = {
      from: BigInt(place.upTo),
      to,
      withDeleted: range?.withDeleted ?? true,
      ...(range?.after && { after: range.after }),
    };
    const count = await this.#count(select, all, signal);
    const below = range?.sweepBelow;
    if (count === 0 && !isNew && range === undefined) return nothingNew;
    const last =
      count > this.#rowsPerRange() ? await this.#lastKey(select, all, signal) : undefined;
    const bounded: RowRange = last === undefined ? all : { ...all, last };
    const { range: _, ...ended } = { ...place, upTo: String(to), position: feed.position };
    const onTheWay = { withDeleted: true, ...range, to: String(to), ...(last && { after: last }) };
    // What is to be swept is forgotten with the sweep only.
    const isEnd = last === undefined && below === undefined;
    const after = isEnd ? ended : { ...place, range: onTheWay };
    const statements = {
      rows: select.rows(bounded),
      printed: select.printed(bounded),
      refused: select.refused(bounded),
      maxRows: Math.min(count, this.#rowsPerRange()),
    };
    const places = { before: place, after };
    const sent = await this.#writer.send({ ...plan, table }, statements, places, signal);
    if (last !== undefined) return { ...sent, isCurrent: false };
    if (below !== undefined) await this.#writer.sweep(table, BigInt(below), ended, signal);
    return { ...sent, isCurrent: to >= feed.readTo };
  }

  async #count(select: RowSelect, rows: RowRange, signal: AbortSignal): Promise<number> {
    const sql = select.count(rows);
    const [found] = await this.#setup.engine.rows<{ rows: string }>(sql, { signal });
    return Number(found?.rows ?? 0);
  }

  async #lastKey(select: RowSelect, rows: RowRange, signal: AbortSignal) {
    const sql = select.keyOfRow(rows, this.#rowsPerRange());
    const [found] = await this.#setup.engine.rows<Record<string, string>>(sql, { signal });
    return found && Object.values(found);
  }

  #rowsPerRange(): number {
    const { sink, options } = this.#setup;
    return sink.takes === 'queries' ? options.batchRows : Math.max(rowsPerRange, options.batchRows);
  }

  /** Knows where the store is before the work, and asks again after a failure. */
  async #known<T>(work: () => Promise<T>): Promise<T> {
    await this.#writer.know();
    try {
      return await work();
    } catch (error) {
      this.#writer.forget();
      throw error;
    }
  }
}
