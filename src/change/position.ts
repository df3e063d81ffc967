import { parseOffsets, reachesOffsets } from './offset-vector.ts';

/**
 * A place in a source's history, between two transactions.
 *
 * `epoch`, `file` and `offset` order positions of one source; `gtid` is how a server of the
 * flavour in question names the same place, used to resume and to survive a failover.
 */
export interface Position {
  /** Grows by one when the server behind the source changes (failover, reset). 0-127. */
  readonly epoch: number;
  /** Binlog file name, e.g. `mysql-bin.000042`; its number is the part after the last dot. */
  readonly file: string;
  /** Byte offset in that file. */
  readonly offset: number;
  /**
   * MySQL: executed GTID set; MariaDB: GTID position; absent when the server has none. A queue: the
   * offset in each partition (offset-vector.ts).
   */
  readonly gtid?: string;
  /** `@@server_uuid`, or on MariaDB `server_id`: tells when the epoch must grow. */
  readonly serverId: string;
}

/**
 * The version of a row, one number that is the same on every replay and grows with the source's
 * order: `epoch (7 bits) | binlog file number (20) | byte position of the row in the file (36)`,
 * 63 bits in all so that it fits a signed 64-bit integer everywhere.
 */
export type Version = bigint;

const fileBits = 20n;
const offsetBits = 36n;

export function packVersion(epoch: number, fileNumber: number, offset: number): Version {
  if (epoch > 127 || fileNumber >= 2 ** 20 || offset >= 2 ** 36) {
    throw new RangeError(
      `version out of range: epoch ${epoch}, file ${fileNumber}, offset ${offset}`,
    );
  }
  return (
    (BigInt(epoch) << (fileBits + offsetBits)) | (BigInt(fileNumber) << offsetBits) | BigInt(offset)
  );
}

export function unpackVersion(version: Version): {
  epoch: number;
  fileNumber: number;
  offset: number;
} {
  return {
    epoch: Number(version >> (fileBits + offsetBits)),
    fileNumber: Number((version >> offsetBits) & ((1n << fileBits) - 1n)),
    offset: Number(version & ((1n << offsetBits) - 1n)),
  };
}

/** `mysql-bin.000042` -> 42. */
export function binlogFileNumber(file: string): number {
  return Number(file.slice(file.lastIndexOf('.') + 1));
}

/** The version of a position: larger than that of every row before it, not larger than any after it. */
export function versionOf(position: Position): Version {
  return packVersion(position.epoch, binlogFileNumber(position.file), position.offset);
}

export function comparePositions(left: Position, right: Position): number {
  const difference = versionOf(left) - versionOf(right);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

/**
 * Whether a reader at `position` has everything that was there at `end`. Unlike the order of positions
 * this holds for any end of a queue, whose partitions are not read in one order.
 */
export function hasReached(position: Position, end: Position): boolean {
  const offsets = parseOffsets(position.gtid ?? '-');
  const wanted = parseOffsets(end.gtid ?? '-');
  if (offsets === undefined || wanted === undefined || position.epoch !== end.epoch) {
    return comparePositions(position, end) >= 0;
  }
  return reachesOffsets(offsets, wanted);
}

export function renderPosition(position: Position): string {
  return `${position.file}:${position.offset}`;
}
