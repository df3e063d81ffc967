import type { Section, TransactionMark } from '../change/change-batch.ts';
import type { MessageFormat, MessageLayout } from '../change/message-layout.ts';
import type { TableSchema } from '../change/table-schema.ts';
import type { ByteWriter } from '../lib/byte-writer.ts';

/**
 * Writes changes the way others read them: Debezium, Canal or Maxwell JSON. Pure; row bytes
 * (change/table-schema.ts) go in, bytes of messages come out, without an object or a string per row.
 *
 * Byte for byte the same for the same change, on every replay. docs/formats.md lists where a message
 * differs from what the tool itself would write, and why.
 */
export interface ChangeFormat {
  readonly name: MessageFormat;
  /** How the messages of a table can be taken apart again, without loss. */
  layout(schema: TableSchema): MessageLayout;
  encoder(schema: TableSchema): ChangeEncoder;
  /**
   * What the format says of DDL and TRUNCATE; empty where it says nothing. `schema` is the table's before
   * the section, undefined for a table not seen before.
   */
  events(section: Section, schema: TableSchema | undefined, place: ChangePlace): EventMessage[];
  /** Begin and end of a transaction, where asked for in the options and the format has them. */
  transactionBegin?(mark: TransactionMark): EventMessage;
  transactionEnd?(mark: TransactionMark, changes: ReadonlyMap<string, number>): EventMessage;
}

/** Who speaks in the messages. */
export interface SourceDescription {
  /** What Debezium calls topic prefix: names the server in messages. */
  readonly name: string;
  readonly connector: 'mysql' | 'mariadb';
  /** `@@server_id`. */
  readonly serverId?: number;
  readonly toolVersion: string;
}

/** A message that is not about one row. */
export interface EventMessage {
  /** `table`: into every partition of the table's topic; the others into the one topic of their kind. */
  readonly to: 'table' | 'schema' | 'transaction';
  readonly key: Buffer | null;
  readonly value: Buffer;
}

/** What a message says beside the row. The same object for many rows. */
export interface ChangePlace {
  readonly origin: 'snapshot' | 'stream';
  /** Binlog file without its number, with the dot, and digits of the number: `mysql-bin.` and 6. */
  readonly fileBase: string;
  readonly fileDigits: number;
  readonly mark: TransactionMark;
  /** When the capture received the change. */
  readonly receivedAtMs: number;
}

/**
 * Encodes the changes of one table in one schema, one after another: `read` finds the change, the rest
 * is about it until the next `read`. Not for several users at a time.
 */
export interface ChangeEncoder {
  /**
   * Takes in the change that begins at `at` (with a row of `_deleted` = 2 first, it is an update and
   * spans two rows); returns where the next one begins, or -1 when `rows` end before that.
   */
  read(rows: Buffer, at: number): number;
  /** After `read`. */
  readonly operation: 'insert' | 'update' | 'delete';
  /** Version of the row (of an update: of the row after), as two halves; see `packVersion`. */
  readonly versionHigh: number;
  readonly versionLow: number;

  /** The message's key; equal keys have equal bytes. */
  writeKey(to: ByteWriter): void;
  /**
   * `totalOrder` and `tableOrder`: which change of its transaction this is, from 1, among all and among
   * those of its table; for the `transaction` block of Debezium, where asked for in the options. 0: not known.
   */
  writeValue(to: ByteWriter, place: ChangePlace, totalOrder?: number, tableOrder?: number): void;
}
