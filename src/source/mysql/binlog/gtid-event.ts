/**
 * GTID events. MySQL (libs/mysql/binlog/event/control_events.h):
 *
 *   flags(1) source uuid(16) number(8) logical clock: type(1) last committed(8) sequence(8)
 *   immediate commit time(7, microseconds; highest bit: another 7 bytes follow) ...
 *
 * MariaDB (sql/log_event.h): number(8) domain(4) flags(1) ...; the server id is the header's.
 */

/** The commit time in a GTID event of MySQL 8, in milliseconds since 1970; undefined in events of older servers. */
export function readCommitTime(buffer: Buffer, body: number, end: number): number | undefined {
  const at = body + 42;
  if (at + 7 > end || buffer[body + 25] !== logicalClockType) return undefined;
  const low = buffer.readUInt32LE(at);
  const high = buffer.readUIntLE(at + 4, 3) & 0x7fffff;
  return Math.floor((high * 2 ** 32 + low) / 1000);
}

const logicalClockType = 2;

/** The number of a transaction: a bigint where a number would not be exact. */
export function readGtidNumber(buffer: Buffer, at: number): number | bigint {
  const high = buffer.readUInt32LE(at + 4);
  if (high >= 2 ** 21) return buffer.readBigUInt64LE(at);
  return high * 2 ** 32 + buffer.readUInt32LE(at);
}

export function renderUuid(bytes: Buffer): string {
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

/** MariaDB: the group is one statement, without a commit behind it. */
export function isStandalone(buffer: Buffer, body: number): boolean {
  return ((buffer[body + 12] ?? 0) & 1) !== 0;
}

export interface TaggedGtid {
  /** `uuid:tag`; the uuid alone when the tag is empty. */
  readonly source: string;
  readonly number: bigint;
  readonly committedAtMs: number | undefined;
}

/**
 * GTID_TAGGED_LOG_EVENT of MySQL 8.3 and later, a message of libs/mysql/serialization: version, size
 * and last field that must be known; then fields in the order of their ids, a missing one left out:
 * 0 flags, 1 uuid (16 integers), 2 number (signed), 3 tag (length, bytes), 4 and 5 logical clock
 * (signed), 6 immediate commit time, ...
 */
export function readTaggedGtid(buffer: Buffer, body: number, end: number): TaggedGtid {
  const reader = new SerializedReader(buffer.subarray(body, end));
  for (let field = 0; field < 3; field++) reader.integer();
  if (reader.isAtField(0)) reader.integer();
  const uuid = Buffer.alloc(16);
  if (reader.isAtField(1))
    for (let byte = 0; byte < 16; byte++) uuid[byte] = Number(reader.integer());
  const number = reader.isAtField(2) ? reader.integer() >> 1n : 0n;
  const tag = reader.isAtField(3) ? reader.text(Number(reader.integer())) : '';
  for (const clock of [4, 5]) if (reader.isAtField(clock)) reader.integer();
  const microseconds = reader.isAtField(6) ? reader.integer() : undefined;
  return {
    source: renderUuid(uuid) + (tag && `:${tag}`),
    number,
    committedAtMs: microseconds === undefined ? undefined : Number(microseconds / 1000n),
  };
}

/**
 * Integers of libs/mysql/serialization: as many more bytes as the first one has lowest bits set, and
 * the value in the bits above those and above the zero that ends them; little endian.
 */
class SerializedReader {
  readonly #bytes: Buffer;
  #offset = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  integer(): bigint {
    const first = this.#bytes.readUInt8(this.#offset++);
    let more = 0;
    while ((first >> more) & 1) more++;
    let rest = 0n;
    for (let index = 0; index < more; index++) {
      rest |= BigInt(this.#bytes.readUInt8(this.#offset++)) << BigInt(8 * index);
    }
    if (more === 8) return rest;
    return BigInt(first >> (more + 1)) | (rest << BigInt(7 - more));
  }

  /** Moves behind the field's id when it comes next. */
  isAtField(id: number): boolean {
    if (this.#bytes[this.#offset] !== id << 1) return false;
    this.#offset++;
    return true;
  }

  text(length: number): string {
    this.#offset += length;
    return this.#bytes.toString('utf8', this.#offset - length, this.#offset);
  }
}
