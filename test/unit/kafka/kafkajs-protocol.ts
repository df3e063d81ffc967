import { createRequire } from 'node:module';
import kafkajs from 'kafkajs';
import { compress, decompress } from '../../../src/kafka/compression.ts';

/*
 * kafkajs's own writer and reader of record batches, to compare ours with. They are not exported, so they
 * have no types.
 */

const require = createRequire(import.meta.url);
const Decoder = require('kafkajs/src/protocol/decoder');
const encodeRecord = require('kafkajs/src/protocol/recordBatch/record/v0');
const { RecordBatch } = require('kafkajs/src/protocol/recordBatch/v0');
const decodeRecordBatch = require('kafkajs/src/protocol/recordBatch/v0/decoder');
export const kafkajsMurmur2: (
  key: Buffer,
) => number = require('kafkajs/src/producer/partitioners/default/murmur2');

const { CompressionCodecs, CompressionTypes } = kafkajs;

/** Gives kafkajs the codecs it lacks. */
export function registerCodecs(): void {
  const missing = {
    [CompressionTypes.Snappy]: 'snappy',
    [CompressionTypes.LZ4]: 'lz4',
    [CompressionTypes.ZSTD]: 'zstd',
  } as const;
  for (const [type, compression] of Object.entries(missing)) {
    CompressionCodecs[Number(type) as 2 | 3 | 4] = () => ({
      compress: async (encoder: { buffer: Buffer }) => compress(compression, encoder.buffer),
      decompress: async (bytes: Buffer) => decompress(compression, bytes),
    });
  }
}

export interface PlainRecord {
  readonly timestampMs: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, Buffer>>;
}

export interface PlainBatch {
  readonly maxTimestamp: string;
  readonly lastOffsetDelta: number;
  readonly records: readonly (PlainRecord & { readonly offset: string })[];
}

export async function encodeByKafkajs(
  records: readonly PlainRecord[],
  identity: object,
): Promise<Buffer> {
  const firstTimestamp = records[0]?.timestampMs ?? 0;
  const batch = await RecordBatch({
    partitionLeaderEpoch: -1,
    firstTimestamp,
    maxTimestamp: Math.max(...records.map((record) => record.timestampMs)),
    lastOffsetDelta: records.length - 1,
    records: records.map((record, index) =>
      encodeRecord({
        ...record,
        offsetDelta: index,
        timestampDelta: record.timestampMs - firstTimestamp,
      }),
    ),
    ...identity,
  });
  return batch.buffer;
}

export async function decodeByKafkajs(bytes: Buffer): Promise<PlainBatch> {
  const batch = await decodeRecordBatch(new Decoder(bytes));
  return {
    maxTimestamp: batch.maxTimestamp,
    lastOffsetDelta: batch.lastOffsetDelta,
    records: batch.records.map((record: PlainRecord & { timestamp: string; offset: string }) => ({
      offset: record.offset,
      timestampMs: Number(record.timestamp),
      key: record.key,
      value: record.value,
      headers: record.headers,
    })),
  };
}
