import { DamagedTable } from '../table-format.ts';

/**
 * Sets of row numbers as the engine's groupBitmap(UInt32) has them, and as Delta does.
 *
 *     engine   UInt8 0, UInt8 count, UInt32 ...          up to 32 numbers
 *              UInt8 1, size as varint, portable          more
 *     portable the roaring format that all languages share (RoaringFormatSpec): cookie, containers
 *     Delta    UInt32 magic, UInt64 count of parts (1), UInt32 high half of the numbers (0), portable; all little endian
 *              ("Deletion Vector Format" in Delta's PROTOCOL.md)
 */
const deltaMagic = 1681511377;
const deltaHead = 16;
/** SERIAL_COOKIE_NO_RUNCONTAINER of the roaring format. */
const arrayCookie = 12346;

export function deltaBitmap(state: Buffer): Buffer {
  const head = Buffer.alloc(deltaHead);
  head.writeUInt32LE(deltaMagic, 0);
  head.writeBigUInt64LE(1n, 4);
  return Buffer.concat([head, portableBitmap(state)]);
}

/** Throws DamagedTable, also for numbers from 2^32 on, which no data file of ours has. */
export function engineBitmap(delta: Buffer): Buffer {
  const isOurs =
    delta.readUInt32LE(0) === deltaMagic &&
    delta.readBigUInt64LE(4) === 1n &&
    delta.readUInt32LE(12) === 0;
  if (!isOurs) throw new DamagedTable('a deletion vector has a form that is not known.');
  const portable = delta.subarray(deltaHead);
  return Buffer.concat([Buffer.of(1), varint(portable.length), portable]);
}

function portableBitmap(state: Buffer): Buffer {
  if (state[0] === 1) {
    let at = 1;
    while ((state[at] ?? 0) > 127) at += 1;
    return state.subarray(at + 1);
  }
  const count = state[1] ?? 0;
  const numbers = Array.from({ length: count }, (_, index) => state.readUInt32LE(2 + 4 * index));
  return arrayContainers(numbers.sort((a, b) => a - b));
}

/** cookie, count; high half and count - 1 of each container; offset of each; then their low halves. */
function arrayContainers(numbers: readonly number[]): Buffer {
  const containers = new Map<number, number[]>();
  for (const number of numbers) {
    const high = number >>> 16;
    const lows = containers.get(high) ?? [];
    lows.push(number & 0xffff);
    containers.set(high, lows);
  }
  const headBytes = 8 + 8 * containers.size;
  const bytes = Buffer.alloc(headBytes + 2 * numbers.length);
  bytes.writeUInt32LE(arrayCookie, 0);
  bytes.writeUInt32LE(containers.size, 4);
  let index = 0;
  let at = headBytes;
  for (const [high, lows] of containers) {
    bytes.writeUInt16LE(high, 8 + 4 * index);
    bytes.writeUInt16LE(lows.length - 1, 10 + 4 * index);
    bytes.writeUInt32LE(at, 8 + 4 * containers.size + 4 * index);
    for (const low of lows) at = bytes.writeUInt16LE(low, at);
    index += 1;
  }
  return bytes;
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return Buffer.of(...bytes, rest);
}
