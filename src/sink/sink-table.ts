import type { ColumnType } from '../change/table-schema.ts';

/** A table of the warehouse as a sink is to hold it. */
export interface SinkTable {
  /** In the warehouse: `shop.orders`, `ads.sales_daily`. Unique in a sink, and so is `target`. */
  readonly source: string;
  /** Its name in the store, unquoted. */
  readonly target: string;
  readonly columns: readonly SinkColumn[];
  /** Target names of the columns that identify a row, in key order; never empty, never NULL. */
  readonly key: readonly string[];
  readonly comment?: string;
  /** The table's own settings from the project file, as the sink's options have declared them. */
  readonly settings: Readonly<Record<string, unknown>>;
}

export interface SinkColumn {
  /** In the store. */
  readonly name: string;
  readonly type: ColumnType;
  readonly nullable: boolean;
  readonly isKey: boolean;
  /** The type in the engine's words. */
  readonly engineType: string;
  /** The type in the words of the database it was captured from, if it was: `decimal(10,2) unsigned`. */
  readonly sourceType?: string;
  readonly comment?: string;
}

/** What both row bytes and printed rows end with. */
export { deletedColumn, versionColumn } from '../change/table-schema.ts';
