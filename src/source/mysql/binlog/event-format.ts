/**
 * The parts of the binlog's format that every reader here needs: event codes of MySQL and MariaDB
 * (libs/mysql/binlog/event/binlog_event.h, MariaDB sql/log_event.h), the common header and
 * length-encoded integers.
 */

export const eventType = {
  query: 2,
  stop: 3,
  rotate: 4,
  formatDescription: 15,
  xid: 16,
  executeLoadQuery: 18,
  tableMap: 19,
  writeRowsV1: 23,
  updateRowsV1: 24,
  deleteRowsV1: 25,
  incident: 26,
  heartbeat: 27,
  writeRowsV2: 30,
  updateRowsV2: 31,
  deleteRowsV2: 32,
  gtid: 33,
  anonymousGtid: 34,
  previousGtids: 35,
  xaPrepare: 38,
  partialUpdateRows: 39,
  transactionPayload: 40,
  heartbeatV2: 41,
  taggedGtid: 42,
  binlogCheckpoint: 161,
  mariadbGtid: 162,
  gtidList: 163,
  queryCompressed: 165,
  writeRowsCompressedV1: 166,
  updateRowsCompressedV1: 167,
  deleteRowsCompressedV1: 168,
  writeRowsCompressed: 169,
  updateRowsCompressed: 170,
  deleteRowsCompressed: 171,
} as const;

/** Types of columns in TABLE_MAP events (MySQL include/field_types.h, MariaDB adds 140 and 141). */
export const wireType = {
  tiny: 1,
  short: 2,
  long: 3,
  float: 4,
  double: 5,
  timestampOld: 7,
  longlong: 8,
  int24: 9,
  date: 10,
  timeOld: 11,
  datetimeOld: 12,
  year: 13,
  newDate: 14,
  varchar: 15,
  bit: 16,
  timestamp2: 17,
  datetime2: 18,
  time2: 19,
  blobCompressed: 140,
  varcharCompressed: 141,
  vector: 242,
  json: 245,
  newDecimal: 246,
  enum: 247,
  set: 248,
  tinyBlob: 249,
  mediumBlob: 250,
  longBlob: 251,
  blob: 252,
  varString: 253,
  string: 254,
  geometry: 255,
} as const;

/** Collation id of bytes that are no text. */
export const binaryCollation = 63;

/**
 * timestamp(4) type(1) server id(4) size with header and checksum(4) end position(4) flags(2);
 * little endian.
 */
export const headerBytes = 19;
export const checksumBytes = 4;

export interface EventHeader {
  readonly type: number;
  /** Seconds since 1970 by the source's clock. */
  readonly timestamp: number;
  readonly size: number;
  /** Lower 32 bits of where the event ends in its file; 0 when the server does not say. */
  readonly logPos: number;
  /** Made up by the server for this connection; stands in no file. */
  readonly isArtificial: boolean;
}

const artificialFlag = 0x20;

export function readEventHeader(buffer: Buffer, at: number): EventHeader {
  return {
    timestamp: buffer.readUInt32LE(at),
    type: buffer.readUInt8(at + 4),
    size: buffer.readUInt32LE(at + 9),
    logPos: buffer.readUInt32LE(at + 13),
    isArtificial: (buffer.readUInt16LE(at + 17) & artificialFlag) !== 0,
  };
}

/**
 * Events outside of transactions after which one may resume: beginnings and ends of files, their lists,
 * and the server's word that it has nothing more now.
 */
export function passesBoundary({ type, isArtificial }: EventHeader): boolean {
  return !isArtificial && boundaryTypes.has(type);
}

const boundaryTypes = new Set<number>([
  eventType.stop,
  eventType.rotate,
  eventType.formatDescription,
  eventType.heartbeat,
  eventType.previousGtids,
  eventType.binlogCheckpoint,
  eventType.gtidList,
]);

/** Reads what the protocol calls length-encoded integers, moving `offset` on. */
export class ByteReader {
  readonly bytes: Buffer;
  offset: number;

  constructor(bytes: Buffer, offset = 0) {
    this.bytes = bytes;
    this.offset = offset;
  }

  uint8(): number {
    return this.bytes.readUInt8(this.offset++);
  }

  uint16(): number {
    this.offset += 2;
    return this.bytes.readUInt16LE(this.offset - 2);
  }

  uint48(): number {
    this.offset += 6;
    return this.bytes.readUIntLE(this.offset - 6, 6);
  }

  packedInteger(): number {
    const first = this.uint8();
    if (first < 0xfb) return first;
    const size = first === 0xfc ? 2 : first === 0xfd ? 3 : 8;
    const value =
      size === 8
        ? Number(this.bytes.readBigUInt64LE(this.offset))
        : this.bytes.readUIntLE(this.offset, size);
    this.offset += size;
    return value;
  }

  slice(length: number): Buffer {
    if (this.offset + length > this.bytes.length) {
      throw new RangeError(`${length} bytes wanted at ${this.offset} of ${this.bytes.length}`);
    }
    this.offset += length;
    return this.bytes.subarray(this.offset - length, this.offset);
  }
}
