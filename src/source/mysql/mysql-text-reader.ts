import { setTimeout as delay } from 'node:timers/promises';
import type { Position } from '../../change/position.ts';
import type { TableId } from '../../change/table-id.ts';
import { CdcError } from '../../errors.ts';
import { ByteWriter } from '../../lib/byte-writer.ts';
import { MysqlSession } from './connection.ts';
import type { MysqlSourceOptions } from './options.ts';
import { SchemaReader } from './schema/schema-reader.ts';
import { readServerInfo, type ServerInfo } from './server-info.ts';
import { positionAt, readBinlogEnd, readSnapshotPlace } from './server-position.ts';
import { KeysetQuery } from './snapshot/keyset-query.ts';
import { type PacketSink, readBatches } from './snapshot/packet-batches.ts';
import { textExpression } from './snapshot/text-expression.ts';

/** Rows of a table as the server prints them. */
export interface TextChunk {
  /** TabSeparated as ClickHouse reads it, columns in schema order, a newline after each row. */
  readonly tsv: Buffer;
  readonly rows: number;
  /**
   * Keys of the first and the last row, in key order; absent without rows. Strings and binary as hex of
   * their bytes (as ClickHouse's hex() gives, in lower case), everything else as text.
   */
  readonly firstKey?: readonly string[];
  readonly lastKey?: readonly string[];
  /**
   * The rows are those of one moment between these places. On MariaDB that moment is `low` exactly; on
   * MySQL a commit under way may be before `low` and yet not visible.
   */
  readonly low: Position;
  readonly high: Position;
}

const statementSeconds = 3_600;
const longestRestMs = 2_000;

/**
 * Reads tables for `cdc verify`, on purpose not through the encoders of the snapshot and the stream:
 * the text that the server prints goes to ClickHouse's own parser.
 */
export class MysqlTextReader implements AsyncDisposable {
  readonly #session: MysqlSession;
  readonly #server: ServerInfo;
  readonly #schemas: SchemaReader;
  readonly #epoch: number;

  private constructor(
    session: MysqlSession,
    server: ServerInfo,
    options: MysqlSourceOptions,
    epoch: number,
  ) {
    this.#session = session;
    this.#server = server;
    this.#schemas = new SchemaReader(options, server.flavour);
    this.#epoch = epoch;
  }

  /** `epoch`: that of the positions the chunks are compared with. */
  static async open(options: MysqlSourceOptions, epoch: number): Promise<MysqlTextReader> {
    const session = await MysqlSession.open(options);
    const server = await readServerInfo(session);
    // A mistake of ours must not change the source, and a statement that has lost its reader must end.
    await session.command('SET SESSION TRANSACTION READ ONLY');
    await session.command(
      server.flavour === 'mariadb'
        ? `SET SESSION max_statement_time = ${statementSeconds}`
        : `SET SESSION max_execution_time = ${statementSeconds * 1000}`,
    );
    return new MysqlTextReader(session, server, options, epoch);
  }

  /**
   * The table in key order, from after `after`, in chunks of at most `limit` rows. A table whose key has
   * no index comes as one chunk. Throws CDC_TABLE_NOT_FOUND.
   */
  async *chunks(
    table: TableId,
    limit: number,
    after?: readonly string[],
  ): AsyncGenerator<TextChunk> {
    const query = await this.#query(table);
    if (!query.isOrdered) {
      yield await this.#read(query, query.all(), table);
      return;
    }
    let last = after;
    for (;;) {
      const startedAt = performance.now();
      const chunk = await this.#read(query, query.chunk(last, limit), table);
      const readMs = performance.now() - startedAt;
      if (chunk.rows > 0) yield chunk;
      if (chunk.rows < limit) return;
      last = chunk.lastKey;
      // The server is others' work: half of the time it is left alone.
      await delay(Math.min(readMs, longestRestMs));
    }
  }

  /** The rows with these keys (written as in a chunk's `lastKey`), in no order, as they are now. */
  async readKeys(table: TableId, keys: readonly (readonly string[])[]): Promise<TextChunk> {
    const query = await this.#query(table);
    return this.#read(query, query.byKeys(keys), table);
  }

  /** The end of the binlog now. */
  async end(): Promise<Position> {
    return this.#at(await readBinlogEnd(this.#session, this.#server));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session[Symbol.asyncDispose]();
  }

  async #query(table: TableId): Promise<KeysetQuery> {
    const description = await this.#schemas.describe(this.#session, table);
    if (description === undefined) {
      throw new CdcError('CDC_TABLE_NOT_FOUND', `the source has no table ${table}`, {
        details: { table },
      });
    }
    return new KeysetQuery(this.#schemas.toSourceTable(description), textExpression);
  }

  async #read(query: KeysetQuery, sql: string, table: TableId): Promise<TextChunk> {
    const session = this.#session;
    const before = await readBinlogEnd(session, this.#server);
    await session.command('START TRANSACTION WITH CONSISTENT SNAPSHOT');
    const low = this.#server.flavour === 'mariadb' ? await readSnapshotPlace(session) : before;
    const rows = new TsvCollector(query);
    let text: TsvRows = rows.take();
    for await (const { batch, last } of readBatches(session, sql, rows, `reading ${table}`)) {
      if (last) text = batch;
    }
    await session.command('COMMIT');
    const high = await readBinlogEnd(session, this.#server);
    return { ...text, low: this.#at(low), high: this.#at(high) };
  }

  #at(place: { file: string; offset: number }): Position {
    return positionAt(place, this.#server, this.#epoch);
  }
}

type TsvRows = Pick<TextChunk, 'tsv' | 'rows' | 'firstKey' | 'lastKey'>;

const tab = 0x09;
const newline = 0x0a;
const backslash = 0x5c;
/** Bytes that TabSeparated writes as a backslash and a letter. */
const escaped: ReadonlyMap<number, number> = new Map([
  [0x00, 0x30],
  [tab, 0x74],
  [newline, 0x6e],
  [0x0d, 0x72],
  [backslash, backslash],
]);

/** Gathers row packets as TabSeparated text, all of a SELECT in one piece. */
class TsvCollector implements PacketSink<TsvRows> {
  readonly #query: KeysetQuery;
  readonly #writer = new ByteWriter();
  #rows = 0;
  #first: readonly string[] | undefined;
  #last: { buffer: Buffer; offset: number; end: number } | undefined;

  constructor(query: KeysetQuery) {
    this.#query = query;
  }

  add(buffer: Buffer, offset: number, end: number): boolean {
    this.#writer.reserve(2 * (end - offset) + 1);
    this.#first ??= this.#query.keyOf(buffer, offset, end);
    this.#last = { buffer, offset, end };
    this.#rows++;
    let at = offset;
    while (at < end) {
      if (at > offset) this.#writer.buffer[this.#writer.offset++] = tab;
      at = this.#addField(buffer, at);
    }
    this.#writer.buffer[this.#writer.offset++] = newline;
    return false;
  }

  take(): TsvRows {
    const last = this.#last;
    const rows = this.#rows;
    const firstKey = this.#first;
    this.#rows = 0;
    this.#first = undefined;
    this.#last = undefined;
    return {
      tsv: this.#writer.take(),
      rows,
      ...(firstKey && { firstKey }),
      ...(last && { lastKey: this.#query.keyOf(last.buffer, last.offset, last.end) }),
    };
  }

  /** Writes the field that begins at `at`; returns where the next one begins. */
  #addField(buffer: Buffer, at: number): number {
    const writer = this.#writer;
    const marker = buffer[at] ?? 0;
    if (marker === 0xfb) {
      writer.buffer[writer.offset++] = backslash;
      writer.buffer[writer.offset++] = 0x4e;
      return at + 1;
    }
    const lengthBytes = marker < 0xfb ? 0 : marker === 0xfc ? 2 : marker === 0xfd ? 3 : 8;
    let from = at + 1;
    let length = marker;
    if (lengthBytes > 0) {
      // The high two bytes of eight are zero: no value is that long.
      length = buffer.readUIntLE(from, Math.min(lengthBytes, 6));
      from += lengthBytes;
    }
    for (let index = from; index < from + length; index++) {
      const byte = buffer[index] ?? 0;
      const letter = byte <= backslash ? escaped.get(byte) : undefined;
      if (letter !== undefined) writer.buffer[writer.offset++] = backslash;
      writer.buffer[writer.offset++] = letter ?? byte;
    }
    return from + length;
  }
}
