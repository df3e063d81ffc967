import type { ColumnType } from './table-schema.ts';

/** Envelopes that tools write into queues; docs/formats.md describes each. */
export type MessageFormat = 'debezium' | 'canal' | 'maxwell' | 'json';

/**
 * How a value is written in a message's JSON. NULL is `null` in all of them.
 *
 * | text           | the server's own text, as JSON string or number: 12.50, 2026-01-31 10:00:00.5, 101:00:00  |
 * | iso            | 2026-01-31T10:00:00.123456Z; dates 2026-01-31                                              |
 * | epochDays      | integer days since 1970-01-01                                                              |
 * | epochMillis, epochMicros, epochNanos | integer since 1970-01-01 00:00:00; of a time of day since 00:00:00   |
 * | base64         | bytes                                                                                      |
 * | latin1         | bytes, a character of U+0000..U+00FF for each                                              |
 * | unscaledBase64 | decimal: value x 10^scale, big-endian two's complement, in base64                          |
 * | bits           | bit(n): bytes, lowest first, in base64                                                     |
 * | boolean        | true or false, for a number                                                                |
 * | geometry       | {"wkb": base64, "srid": integer or null}                                                   |
 * | value          | the JSON value in its place, for a json column (others write its text)                     |
 */
export type ValueEncoding =
  | 'text'
  | 'iso'
  | 'epochDays'
  | 'epochMillis'
  | 'epochMicros'
  | 'epochNanos'
  | 'base64'
  | 'latin1'
  | 'unscaledBase64'
  | 'bits'
  | 'boolean'
  | 'geometry'
  | 'value';

/** All that is needed to take messages of one table apart. JSON-safe. */
export interface MessageLayout {
  readonly format: MessageFormat;
  /** Debezium: the message is `{"schema": ..., "payload": envelope}`. */
  readonly hasSchemaBlock?: true;
  /** By column, where it is not `defaultEncoding`. */
  readonly encodings?: Readonly<Record<string, ValueEncoding>>;
  /**
   * By column, the path of field names to it, where it is not the column's own name at the row's place.
   * A path that begins with an empty name leads into the line: `['', 'p']` is the partition, `['', 'o']`
   * the offset, `['', 'q']` the topic, `['', 't']` the time of the message in milliseconds.
   */
  readonly paths?: Readonly<Record<string, readonly string[]>>;
  /**
   * Where a row's version comes from: `line` (message-line.ts has it), `binlog` (file, position and row
   * that the envelope names), `lsn` (PostgreSQL through Debezium), `offset` (its offset in the partition).
   */
  readonly version: 'line' | 'binlog' | 'lsn' | 'offset';
}

/**
 * A Canal message holds several rows, whose versions count up from that of the line: versions of lines lie
 * so far apart. Of more rows the last ones share a version.
 */
export const rowsOfMessage = 2 ** 14;

/** How a format writes values of a type unless a layout says otherwise. */
export function defaultEncoding(format: MessageFormat, type: ColumnType): ValueEncoding {
  if ('text' in type && type.text) return 'text';
  if (type.kind === 'binary') return format === 'canal' ? 'latin1' : 'base64';
  if (type.kind === 'geometry') return format === 'debezium' ? 'geometry' : 'base64';
  if (format !== 'debezium') return 'text';
  switch (type.kind) {
    case 'date':
      return 'epochDays';
    case 'datetime':
      return type.fsp <= 3 ? 'epochMillis' : 'epochMicros';
    case 'timestamp':
      return 'iso';
    case 'time':
      return 'epochMicros';
    case 'bit':
      return 'bits';
    default:
      return 'text';
  }
}
