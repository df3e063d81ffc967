import { promisify } from 'node:util';
import { gunzip, gunzipSync, gzip, gzipSync } from 'node:zlib';
import { Decoder, Encoder } from '@toondepauw/node-zstd';
import * as lz4 from 'lz4-napi';
import * as snappy from './compression-snappy.ts';

/** How the records of a batch are compressed; the place in the list is Kafka's number for it. */
export const compressions = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;
export type Compression = (typeof compressions)[number];

interface Codec {
  readonly compress: (bytes: Buffer) => Promise<Buffer>;
  readonly compressSync: (bytes: Buffer) => Buffer;
  readonly decompress: (bytes: Buffer) => Promise<Buffer>;
  readonly decompressSync: (bytes: Buffer) => Buffer;
}

/** Up to this size the way to another thread and back takes longer than the work. */
const smallBytes = 16 * 1024;

const gzipAway = promisify<Buffer, object, Buffer>(gzip);
/** Debezium JSON becomes 10 % larger than at the default level, in a third of the time. */
const gzipOptions = { level: 1 };
/** Debezium JSON is as small at level 1 as at Kafka's default 3, and takes less time. */
const zstdEncoder = new Encoder(1);
const zstdDecoder = new Decoder();

const codecs: Readonly<Record<Exclude<Compression, 'none'>, Codec>> = {
  gzip: {
    compress: (bytes) => gzipAway(bytes, gzipOptions),
    compressSync: (bytes) => gzipSync(bytes, gzipOptions),
    decompress: promisify<Buffer, Buffer>(gunzip),
    decompressSync: (bytes) => gunzipSync(bytes),
  },
  snappy,
  // LZ4 frames of independent blocks without content checksum, which is what Kafka's clients write and read.
  lz4: {
    compress: (bytes) => lz4.compressFrame(bytes),
    compressSync: (bytes) => lz4.compressFrameSync(bytes),
    decompress: (bytes) => lz4.decompressFrame(bytes),
    decompressSync: (bytes) => lz4.decompressFrameSync(bytes),
  },
  zstd: {
    compress: (bytes) => zstdEncoder.encode(bytes),
    compressSync: (bytes) => zstdEncoder.encodeSync(bytes),
    decompress: (bytes) => zstdDecoder.decode(bytes),
    decompressSync: (bytes) => zstdDecoder.decodeSync(bytes),
  },
};

export function compressionId(compression: Compression): number {
  return compressions.indexOf(compression);
}

/** The compression that the lowest three bits of a batch's attributes name; undefined for one that is not defined. */
export function compressionOf(attributes: number): Compression | undefined {
  return compressions[attributes & 0x07];
}

/** Compresses as Kafka's clients do. Larger inputs on another thread: they must not change meanwhile. */
export function compress(
  compression: Exclude<Compression, 'none'>,
  bytes: Buffer,
): Buffer | Promise<Buffer> {
  const codec = codecs[compression];
  return bytes.length <= smallBytes ? codec.compressSync(bytes) : codec.compress(bytes);
}

/** Undoes `compress`, and reads what other clients write. Larger inputs on another thread: they must not change meanwhile. */
export function decompress(
  compression: Exclude<Compression, 'none'>,
  bytes: Buffer,
): Buffer | Promise<Buffer> {
  const codec = codecs[compression];
  return bytes.length <= smallBytes ? codec.decompressSync(bytes) : codec.decompress(bytes);
}
