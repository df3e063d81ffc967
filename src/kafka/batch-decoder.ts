import { crc32c } from '@node-rs/crc32';
import { CdcError } from '../errors.ts';
import { compressionOf, decompress } from './compression.ts';
import type { AbortedTransaction } from './fetch-protocol.ts';
import type { KafkaRecord } from './kafka-cluster.ts';
import { batchField } from './record-batch.ts';
import { type RecordContext, RecordReader } from './record-reader.ts';

/** `batchLength` counts what follows it. */
const beforeLength = batchField.leaderEpoch;
const logAppendTime = 0x08;
const transactional = 0x10;
const control = 0x20;
const abortMarker = 0;

interface Batch {
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly attributes: number;
  readonly producerId: bigint;
  readonly header: Buffer;
  /** Uncompressed, or on its way to be. */
  readonly records: Buffer | Promise<Buffer>;
}

export interface DecodedBatches {
  readonly records: KafkaRecord[];
  /** After the last whole batch, whatever became of its records; `from` when there is none. */
  readonly nextOffset: number;
}

/**
 * The records of batches (magic 2) from offset `from` on, without control records and those of aborted
 * transactions. Keys and values are parts of `bytes`, or of what a batch was decompressed to. A batch cut
 * off at the end is left out. Throws CDC_KAFKA_REJECTED for a batch that is not whole or not of this kind.
 */
export async function decodeBatches(
  bytes: Buffer,
  from: number,
  aborted: readonly AbortedTransaction[],
): Promise<DecodedBatches> {
  // All are on their way before the first is waited for: decompression has threads of its own.
  const batches = [...splitBatches(bytes)];
  const isLive = abortFilter(aborted);
  const reader = new RecordReader();
  const found: KafkaRecord[] = [];
  let nextOffset = from;
  for (const batch of batches) {
    try {
      // Waiting costs a turn of the event loop's queue, so it is left out where nothing is to be awaited.
      const body = batch.records instanceof Promise ? await batch.records : batch.records;
      if (isLive(batch, body)) reader.readAll(body, found, contextOf(batch, from));
    } catch (error) {
      throw unreadable(batch.baseOffset, String(error));
    }
    nextOffset = Math.max(nextOffset, batch.lastOffset + 1);
  }
  return { records: found, nextOffset };
}

function contextOf({ header, attributes, baseOffset }: Batch, from: number): RecordContext {
  const maxTimestamp = Number(header.readBigInt64BE(batchField.maxTimestamp));
  return {
    from,
    count: header.readInt32BE(batchField.recordCount),
    baseOffset,
    baseTimestamp: Number(header.readBigInt64BE(batchField.baseTimestamp)),
    appendTimestamp: (attributes & logAppendTime) === 0 ? undefined : maxTimestamp,
  };
}

function* splitBatches(bytes: Buffer): Generator<Batch> {
  let end: number;
  for (let at = 0; at + batchField.records <= bytes.length; at = end) {
    end = at + beforeLength + bytes.readInt32BE(at + batchField.length);
    if (end > bytes.length) return;
    const header = bytes.subarray(at, end);
    const baseOffset = Number(header.readBigInt64BE(0));
    const magic = header.readInt8(batchField.magic);
    if (magic !== 2) throw unreadable(baseOffset, `its magic is ${magic}, and only 2 is known`);
    if (crc32c(header.subarray(batchField.attributes)) !== header.readUInt32BE(batchField.crc)) {
      throw unreadable(baseOffset, 'its checksum is wrong');
    }
    const attributes = header.readInt16BE(batchField.attributes);
    yield {
      baseOffset,
      lastOffset: baseOffset + header.readInt32BE(batchField.lastOffsetDelta),
      attributes,
      producerId: header.readBigInt64BE(batchField.producerId),
      header,
      records: uncompressed(header.subarray(batchField.records), attributes, baseOffset),
    };
  }
}

function uncompressed(
  records: Buffer,
  attributes: number,
  baseOffset: number,
): Buffer | Promise<Buffer> {
  const compression = compressionOf(attributes);
  if (compression === undefined) throw unreadable(baseOffset, 'its compression is not known');
  if (compression === 'none') return records;
  try {
    const result = decompress(compression, records);
    // It is awaited later, or not at all when another batch is bad; until then its failure is nobody's.
    if (result instanceof Promise) result.catch(() => {});
    return result;
  } catch (error) {
    throw unreadable(baseOffset, String(error));
  }
}

/**
 * Says of each batch, in order, whether its records count. A transaction was aborted from its first offset
 * on to the producer's next abort marker, a control record with the key: version INT16, type INT16.
 */
function abortFilter(
  aborted: readonly AbortedTransaction[],
): (batch: Batch, records: Buffer) => boolean {
  const ahead = aborted.toSorted((left, right) => left.firstOffset - right.firstOffset);
  const dead = new Set<bigint>();
  return ({ attributes, producerId, lastOffset }, records) => {
    while (ahead[0] !== undefined && ahead[0].firstOffset <= lastOffset) {
      dead.add(ahead[0].producerId);
      ahead.shift();
    }
    if ((attributes & control) !== 0) {
      const marker: KafkaRecord[] = [];
      const whole = { from: 0, count: 1, baseOffset: 0, baseTimestamp: 0 };
      new RecordReader().readAll(records, marker, whole);
      if (marker[0]?.key?.readInt16BE(2) === abortMarker) dead.delete(producerId);
      return false;
    }
    return (attributes & transactional) === 0 || !dead.has(producerId);
  };
}

function unreadable(baseOffset: number, why: string): CdcError {
  return new CdcError(
    'CDC_KAFKA_REJECTED',
    `Reading the record batch at offset ${baseOffset}: ${why}.`,
  );
}
