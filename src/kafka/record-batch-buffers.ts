/*
 * Buffers for batches that are being written or on their way, shared by all writers of the process: a
 * partition that is quiet holds none, and a busy one does not allocate half a megabyte for each batch.
 */

/** More than this is left to the garbage collector. */
const mostKeptBytes = 16 * 1024 * 1024;
const newBytes = 64 * 1024;

const kept: Buffer[] = [];
let keptBytes = 0;

/** A buffer of some size, its content undefined. */
export function takeBuffer(): Buffer {
  const buffer = kept.pop();
  if (buffer === undefined) return Buffer.allocUnsafeSlow(newBytes);
  keptBytes -= buffer.length;
  return buffer;
}

/** Gives a buffer back that nobody will read or write any more. */
export function giveBuffer(buffer: Buffer): void {
  if (keptBytes + buffer.length > mostKeptBytes) return;
  keptBytes += buffer.length;
  kept.push(buffer);
}
