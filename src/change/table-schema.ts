import type { TableId } from './table-id.ts';

/**
 * The one set of column types, and how a value of each is written in row bytes
 * (ClickHouse RowBinary, little endian). Snapshot and stream write the same bytes.
 *
 * | kind      | bytes                                                                          |
 * | int       | bits/8, two's complement or unsigned                                            |
 * | float     | IEEE 754, 4 or 8                                                                |
 * | decimal   | value x 10^scale, two's complement, 4/8/16/32 bytes for precision <= 9/18/38/76 |
 * | date      | Int32 days since 1970-01-01 (Date32: 1900-01-01..2299-12-31)                    |
 * | datetime  | Int64 ticks of 10^-fsp s since 1970-01-01 00:00:00, wall clock (DateTime64)     |
 * | timestamp | the same, in UTC                                                                |
 * | time      | Int64 ticks of 10^-fsp s, signed (Time64)                                       |
 * | year      | UInt16, 0 for 0000                                                              |
 * | bit       | UInt64                                                                          |
 * | string    | LEB128 length, UTF-8 (char, varchar, text, enum, set, uuid, inet)               |
 * | json      | LEB128 length, the text the server itself prints                                |
 * | binary    | LEB128 length, raw bytes; binary(n) padded to n                                 |
 * | geometry  | LEB128 length, 4-byte SRID + WKB, as the server stores it                       |
 *
 * date, datetime, timestamp and time with `text: true` (chosen in the project file for values that
 * the native type cannot hold, such as 0000-00-00 or 9999-12-31) are strings in the server's own
 * text form: `YYYY-MM-DD`, `YYYY-MM-DD hh:mm:ss[.f]`, `[-]hhh:mm:ss[.f]`, timestamps in UTC.
 *
 * A nullable column has one byte in front: 1 for NULL (nothing follows), 0 otherwise.
 */
export type ColumnType =
  | { readonly kind: 'int'; readonly bits: 8 | 16 | 32 | 64; readonly unsigned: boolean }
  | { readonly kind: 'float'; readonly bits: 32 | 64 }
  | { readonly kind: 'decimal'; readonly precision: number; readonly scale: number }
  | { readonly kind: 'date'; readonly text?: boolean }
  | {
      readonly kind: 'datetime' | 'timestamp' | 'time';
      readonly fsp: number;
      readonly text?: boolean;
    }
  | { readonly kind: 'year' }
  | { readonly kind: 'bit' }
  | { readonly kind: 'string' }
  | { readonly kind: 'json' }
  | { readonly kind: 'binary' }
  | { readonly kind: 'geometry' };

export interface Column {
  readonly name: string;
  readonly type: ColumnType;
  readonly nullable: boolean;
  /** The source's own words, e.g. `decimal(10,2) unsigned`; for people and for decoding. */
  readonly sourceType: string;
  readonly comment?: string;
}

/**
 * A table as it is at one place of the stream. `version` is a short hash of everything that decides
 * the row bytes (names, types, nullability, key, order): equal versions have equal row bytes.
 */
export interface TableSchema {
  readonly table: TableId;
  readonly version: string;
  readonly columns: readonly Column[];
  /** Column names of the key, in key order: the primary key, or a unique key without NULLs. */
  readonly key: readonly string[];
  readonly comment?: string;
  /**
   * Changes of the table arrive in another order than that of their versions: the store keeps for each row
   * when it arrived (message-line.ts, `a`).
   */
  readonly arrival?: true;
}

/**
 * Columns that follow the table's own in row bytes: UInt64 version, UInt8 deleted (0 or 1; 2 for the
 * row before an update, in sections with `hasBeforeImages`).
 */
export const versionColumn = '_version';
export const deletedColumn = '_deleted';
/** UInt64, of tables with `arrival` only; not in row bytes. */
export const arrivalColumn = '_arrival';

/** Bytes of a decimal in row bytes. */
export function decimalBytes(precision: number): number {
  if (precision <= 9) return 4;
  if (precision <= 18) return 8;
  return precision <= 38 ? 16 : 32;
}

/** Bytes of a value in row bytes; undefined where a LEB128 length stands before them. */
export function valueBytes(type: ColumnType): number | undefined {
  if ('text' in type && type.text) return undefined;
  switch (type.kind) {
    case 'int':
    case 'float':
      return type.bits / 8;
    case 'decimal':
      return decimalBytes(type.precision);
    case 'date':
      return 4;
    case 'year':
      return 2;
    case 'datetime':
    case 'timestamp':
    case 'time':
    case 'bit':
      return 8;
    default:
      return undefined;
  }
}
