import * as snappy from 'snappy';

/**
 * Snappy as Java's Kafka client frames it (xerial's SnappyOutputStream), beside plain Snappy, which some
 * clients send:
 *
 *   magic 82 'SNAPPY' 00, version int32, lowest compatible version int32, then blocks: length int32, Snappy block
 *
 * We write a single block.
 */
const magic = Buffer.from([0x82, ...Buffer.from('SNAPPY'), 0]);
const header = Buffer.concat([magic, Buffer.from([0, 0, 0, 1, 0, 0, 0, 1])]);
/** The output is copied into memory that Node owns: external memory would be freed late. */
const copied = { copyOutputData: true };

export async function compress(bytes: Buffer): Promise<Buffer> {
  return frame(await snappy.compress(bytes, copied));
}

export function compressSync(bytes: Buffer): Buffer {
  return frame(snappy.compressSync(bytes, copied));
}

export async function decompress(bytes: Buffer): Promise<Buffer> {
  const parts = await Promise.all(blocksOf(bytes).map((block) => snappy.uncompress(block)));
  return joined(parts);
}

export function decompressSync(bytes: Buffer): Buffer {
  return joined(blocksOf(bytes).map((block) => snappy.uncompressSync(block)));
}

function frame(block: Buffer): Buffer {
  const length = Buffer.allocUnsafe(4);
  length.writeInt32BE(block.length);
  return Buffer.concat([header, length, block]);
}

function blocksOf(bytes: Buffer): Buffer[] {
  if (!bytes.subarray(0, magic.length).equals(magic)) return [bytes];
  const blocks: Buffer[] = [];
  for (let at = header.length; at < bytes.length; ) {
    const end = at + 4 + bytes.readUInt32BE(at);
    if (end > bytes.length) throw new RangeError('the last Snappy block is cut off');
    blocks.push(bytes.subarray(at + 4, end));
    at = end;
  }
  return blocks;
}

function joined(parts: readonly (string | Buffer)[]): Buffer {
  const [first] = parts as readonly Buffer[];
  return parts.length === 1 && first !== undefined ? first : Buffer.concat(parts as Buffer[]);
}
