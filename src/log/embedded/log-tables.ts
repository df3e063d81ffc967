import { JsonTable } from '../../catalog/json-table.ts';
import type { ByteTable, LmdbEnvironment } from '../../catalog/lmdb-environment.ts';
import type { LogOffset } from '../change-log.ts';

/** Where an entry's batch lies and how many bytes of batches were appended before it. */
export interface EntryRecord {
  readonly body: number;
  readonly startByte: number;
  readonly size: number;
}

/** The ends of the log. Byte counts are of encoded batches since the log began; they never shrink. */
export interface LogEnds {
  readonly first: LogOffset;
  readonly end: LogOffset;
  readonly endByte: number;
  readonly nextBody: number;
}

/**
 * The log's tables in LMDB:
 *
 *     log-bodies   body number -> encoded batch
 *     log-entries  offset      -> body number, start byte, size (48-bit little endian each)
 *     log-open     body number -> size: parts of a transaction that has not ended
 *     log          ends, checkpoint/<name>, consumer/<name>, schema/<table>/<version>, newest/<table>
 *
 * Bodies are apart from entries so that the parts of a large transaction get their place in the
 * order when it commits, without being written again, while chunks of snapshots go on in between.
 */
export class LogTables {
  readonly json: JsonTable;
  readonly #environment: LmdbEnvironment;
  readonly #bodies: ByteTable<number>;
  readonly #entries: ByteTable<number>;
  readonly #open: ByteTable<number>;

  constructor(environment: LmdbEnvironment) {
    this.#environment = environment;
    this.json = new JsonTable(environment, 'log');
    this.#bodies = environment.numberKeyed('log-bodies');
    this.#entries = environment.numberKeyed('log-entries');
    this.#open = environment.numberKeyed('log-open');
  }

  ends(): LogEnds {
    return this.json.get<LogEnds>('ends') ?? { first: 0, end: 0, endByte: 0, nextBody: 0 };
  }

  entry(offset: LogOffset): EntryRecord | undefined {
    const bytes = this.#entries.getBinary(offset);
    return bytes && decodeEntry(bytes);
  }

  /** Bytes of batches before the entry at `offset`; at or behind the end, of all. */
  startByte(offset: LogOffset, ends: LogEnds): number {
    return offset >= ends.end ? ends.endByte : (this.entry(offset)?.startByte ?? ends.endByte);
  }

  /** An own copy: what LMDB maps is only valid until the next transaction. */
  body(body: number): Buffer | undefined {
    return this.#bodies.getBinary(body);
  }

  // The methods below only inside LmdbEnvironment.write.

  putBody(body: number, bytes: Buffer): void {
    this.#bodies.putSync(body, bytes);
  }

  putEntry(offset: LogOffset, entry: EntryRecord): void {
    this.#entries.putSync(offset, encodeEntry(entry));
  }

  removeEntry(offset: LogOffset): void {
    const entry = this.entry(offset);
    if (entry !== undefined) this.#bodies.removeSync(entry.body);
    this.#entries.removeSync(offset);
  }

  putOpen(body: number, size: number): void {
    const bytes = Buffer.alloc(6);
    bytes.writeUIntLE(size, 0, 6);
    this.#open.putSync(body, bytes);
  }

  /** The open parts in order, which are no longer open afterwards. */
  takeOpen(): { body: number; size: number }[] {
    const parts = [...this.#open.getRange({})].map(({ key, value }) => ({
      body: key,
      size: value.readUIntLE(0, 6),
    }));
    for (const { body } of parts) this.#open.removeSync(body);
    return parts;
  }

  /** Drops the open parts and their batches. */
  dropOpen(): void {
    for (const { body } of this.takeOpen()) this.#bodies.removeSync(body);
  }

  refresh(): void {
    this.#environment.refresh();
  }
}

function encodeEntry({ body, startByte, size }: EntryRecord): Buffer {
  const bytes = Buffer.alloc(18);
  bytes.writeUIntLE(body, 0, 6);
  bytes.writeUIntLE(startByte, 6, 6);
  bytes.writeUIntLE(size, 12, 6);
  return bytes;
}

function decodeEntry(bytes: Buffer): EntryRecord {
  return {
    body: bytes.readUIntLE(0, 6),
    startByte: bytes.readUIntLE(6, 6),
    size: bytes.readUIntLE(12, 6),
  };
}
