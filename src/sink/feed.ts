import type { ColumnType } from '../change/table-schema.ts';

/**
 * The tables of the warehouse that sinks read: captured tables and models.
 *
 * - Rows are current ones with their versions, deleted ones included; whatever has come since a place is found by
 *   `changeColumn > place`. Nothing is lost by waiting, so a sink may be away for as long as it likes.
 * - What is read up to `readTo` has been published: whole transactions of the source, and models that agree with them. A row that
 *   has changed again meanwhile is not among them: it comes when its newer state is published.
 */
export interface SinkFeed {
  /** As of now. A table that is being read anew from the source is not among them until that is done. */
  tables(signal: AbortSignal): Promise<readonly FeedTable[]>;
}

export interface FeedTable {
  /** `shop.orders`, `ads.sales_daily`. */
  readonly source: string;
  /** Quoted name of the table that holds the rows, `_version` and `_deleted`. */
  readonly physical: string;
  readonly columns: readonly FeedColumn[];
  /** Columns that identify a row, in the order in which the rows are sorted. */
  readonly key: readonly string[];
  readonly comment?: string;
  /** Its numbers grow in the order in which rows come. */
  readonly changeColumn: string;
  /** Another one when rows may have come or gone without their numbers saying so: all of them are to be sent again. */
  readonly generation: string;
  /** Rows up to it are published. */
  readonly readTo: bigint;
  /** Place in the source that `readTo` stands for; for people. */
  readonly position: string;
}

export interface FeedColumn {
  readonly name: string;
  /** As the engine spells it. */
  readonly engineType: string;
  /** What was captured; absent: of a model, whose types are only the engine's. */
  readonly captured?: {
    readonly type: ColumnType;
    readonly sourceType: string;
    readonly comment?: string;
  };
}
