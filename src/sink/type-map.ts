import type { SinkColumn } from './sink-table.ts';

/**
 * How the values of each kind of column lie in a store. The engine does the converting: rules are ClickHouse expressions
 * over the value as it is in the warehouse (types: engine/column-type.ts).
 */
export interface TypeMap {
  /** Throws CDC_SINK_INCOMPATIBLE for a column the store has no place for. */
  stored(column: SinkColumn): StoredColumn;
  /** A name as the store's statements write it. */
  quote(name: string): string;
  /** For docs/types.md: what is special about this store's values, a sentence each. */
  readonly notes: readonly string[];
}

export interface StoredColumn {
  /** The type in the store's words, without NULL or NOT NULL. */
  readonly type: string;
  /** The value as the engine has to print it; absent: as it is. `value` may be NULL where the column is nullable. */
  readonly render?: (value: string) => string;
  /**
   * Values that cannot be stored as they are and are not to be changed: rows with one become dead letters. `when` is a
   * condition over the value, `reason` completes "column x ...".
   */
  readonly refuses?: { readonly when: (value: string) => string; readonly reason: string };
  /**
   * A text of the value that is the same from both sides exactly when the values are equal, NULL for NULL; for `verify`.
   * `engine`: ClickHouse expression over the value in the warehouse; absent: toString(value). `store`: the store's own expression over
   * its quoted column, for stores that compute; the readers of others make the same text.
   */
  readonly canonical?: {
    readonly engine?: (value: string) => string;
    readonly store?: (column: string) => string;
  };
  /** What does not survive, or is not as expected; for docs/types.md. */
  readonly note?: string;
}
