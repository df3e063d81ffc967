import { ByteWriter } from '../lib/byte-writer.ts';
import { type Compression, compress, compressionId } from './compression.ts';
import { batchField, type SealedBatch } from './record-batch.ts';
import { giveBuffer, takeBuffer } from './record-batch-buffers.ts';
import { copyOf, sealAsWritten, sealWithRecords } from './record-batch-seal.ts';
import { putLength, putVarlong, sizeOfLength } from './record-batch-varint.ts';

/** The room this class itself may need between two calls; every method of it reserves that much. */
const ownRoom = 64;
/** Zigzag of -1: the length of a key or value that is null. */
const nullLength = 1;
const noBuffer = Buffer.alloc(0);
/** Below this many bytes a loop copies faster than a call into the runtime. */
const shortCopy = 32;

/**
 * Writes a Kafka RecordBatch (magic 2) record by record, without an object for any of them. Keys and
 * values are written by the caller straight into `writer`, whose room the caller reserves:
 *
 *     batch.begin(timestampMs);
 *     encodeKey(batch.writer);      // or nothing, and nullKey() in place of endKey()
 *     batch.endKey();
 *     encodeValue(batch.writer);    // or nothing, and nullValue() in place of endValue()
 *     batch.endValue();
 *     batch.beginHeaders(3);        // left out when there are none
 *     batch.putHeaders(template);   // two headers made once by encodeHeaders()
 *     batch.beginHeader(version);   // a name made once by encodeHeaderName()
 *     encodeVersion(batch.writer);
 *     batch.endHeader();
 *     batch.endRecord();
 *     if (batch.bytes >= target) await producer.send(topic, partition, await batch.seal('lz4'));
 *
 * Lengths stand before what they measure, in as few bytes as they need: a gap is left, as wide as the
 * length before needed, and what follows is moved in the rare case that the guess was wrong.
 *
 * `writer.buffer` may be another object after any call that reserves, those of this class among them;
 * places in it stay the same until `endRecord`.
 */
export class RecordBatchWriter {
  /** Has room only from the first `begin` of a batch until it is sealed. */
  readonly writer = new ByteWriter(0);

  #recordCount = 0;
  #baseTimestamp = 0;
  #maxTimestamp = 0;
  /** `#maxTimestamp` without the record written last. */
  #earlierMaxTimestamp = 0;
  #timestamp = 0;

  #recordStart: number = batchField.records;
  /** Place of the key's length in the record written last. */
  #keyStart = 0;
  /** Place of the length of what is being written: key, value or value of a header. */
  #fieldStart = 0;

  #recordGap = 1;
  #keyGap = 1;
  #valueGap = 1;
  #headerGap = 1;

  constructor() {
    useBuffer(this.writer, noBuffer);
  }

  /** Size of the batch as it is, uncompressed, with its own 61 bytes. */
  get bytes(): number {
    return this.writer.offset;
  }

  get recordCount(): number {
    return this.#recordCount;
  }

  get isEmpty(): boolean {
    return this.#recordCount === 0;
  }

  /** Starts a record; its key is written next. */
  begin(timestampMs: number): void {
    const { writer } = this;
    if (this.#recordCount === 0) this.#beginBatch(timestampMs);
    writer.reserve(ownRoom);
    this.#timestamp = timestampMs;
    this.#recordStart = writer.offset;
    const { buffer } = writer;
    let at = this.#recordStart + this.#recordGap;
    buffer[at++] = 0; // attributes: none are defined
    at = putVarlong(buffer, at, timestampMs - this.#baseTimestamp);
    at = putLength(buffer, at, this.#recordCount); // offset delta
    this.#keyStart = at;
    this.#fieldStart = at;
    writer.offset = at + this.#keyGap;
  }

  /** The key has been written; its value is written next. */
  endKey(): void {
    this.#keyGap = this.#closeField(this.#fieldStart, this.#keyGap);
    this.#beginValue();
  }

  /** In place of `endKey`: the record has no key. */
  nullKey(): void {
    this.#putNull();
    this.#beginValue();
  }

  /** The value has been written; headers or `endRecord` follow. */
  endValue(): void {
    this.#valueGap = this.#closeField(this.#fieldStart, this.#valueGap);
    this.#putNoHeaders();
  }

  /** In place of `endValue`: a tombstone. */
  nullValue(): void {
    this.#putNull();
    this.#putNoHeaders();
  }

  /** Exactly `count` headers follow, by `putHeaders` and `beginHeader` in any order. */
  beginHeaders(count: number): void {
    const { writer } = this;
    writer.offset = putLength(writer.buffer, writer.offset - 1, count);
  }

  /** Copies whole headers, made by `encodeHeaders`. */
  putHeaders(encoded: Uint8Array): void {
    this.#put(encoded);
  }

  /** Starts a header; its value is written next. `name` is made by `encodeHeaderName`. */
  beginHeader(name: Uint8Array): void {
    this.#put(name);
    this.#fieldStart = this.writer.offset;
    this.writer.offset += this.#headerGap;
  }

  /** The value of the header has been written. */
  endHeader(): void {
    this.#headerGap = this.#closeField(this.#fieldStart, this.#headerGap);
  }

  endRecord(): void {
    const gap = this.#recordGap;
    this.#recordGap = this.#closeField(this.#recordStart, gap);
    this.#keyStart += this.#recordGap - gap;
    this.#recordCount++;
    this.#earlierMaxTimestamp = this.#maxTimestamp;
    if (this.#timestamp > this.#maxTimestamp) this.#maxTimestamp = this.#timestamp;
  }

  /**
   * The batch, ready for a producer. This writer is empty and may be written at once, also while the
   * promise, which compression on another thread gives, is pending. Throws when the batch is empty.
   */
  seal(compression: Compression): SealedBatch | Promise<SealedBatch> {
    if (this.#recordCount === 0) throw new RangeError('a batch without records cannot be sealed');
    this.#putBatchHeader(compression);
    const { buffer, offset } = this.writer;
    const recordCount = this.#recordCount;
    this.#recordCount = 0;
    useBuffer(this.writer, noBuffer);
    if (compression === 'none') return sealAsWritten(buffer, offset, recordCount);

    const compressed = compress(compression, buffer.subarray(batchField.records, offset));
    if (!Buffer.isBuffer(compressed)) {
      return compressed
        .then((records) => sealWithRecords(buffer, records, recordCount))
        .finally(() => giveBuffer(buffer));
    }
    const batch = sealWithRecords(buffer, compressed, recordCount);
    giveBuffer(buffer);
    return batch;
  }

  /**
   * Seals all records but the one written last, which becomes the first of the next batch: for a record
   * that made the batch larger than the topic takes. There must be two records at least.
   */
  sealWithoutLast(compression: Compression): SealedBatch | Promise<SealedBatch> {
    if (this.#recordCount < 2) throw new RangeError('a batch of one record cannot be divided');
    const { writer } = this;
    const fields = copyOf(writer.buffer.subarray(this.#keyStart, writer.offset));
    const timestamp = this.#timestamp;
    writer.offset = this.#recordStart;
    this.#recordCount--;
    this.#maxTimestamp = this.#earlierMaxTimestamp;
    const sealed = this.seal(compression);
    this.begin(timestamp);
    writer.offset = this.#keyStart; // the copy has the length of its key
    writer.reserve(fields.length + ownRoom);
    this.#put(fields);
    this.endRecord();
    return sealed;
  }

  #beginBatch(timestampMs: number): void {
    if (this.writer.buffer === noBuffer) useBuffer(this.writer, takeBuffer());
    this.writer.offset = batchField.records; // also when a record was begun and never ended
    this.#baseTimestamp = timestampMs;
    this.#maxTimestamp = timestampMs;
  }

  #beginValue(): void {
    const { writer } = this;
    writer.reserve(ownRoom);
    this.#fieldStart = writer.offset;
    writer.offset += this.#valueGap;
  }

  #putNull(): void {
    const { writer } = this;
    writer.buffer[this.#fieldStart] = nullLength;
    writer.offset = this.#fieldStart + 1;
  }

  /** The number of headers, which `beginHeaders` overwrites. */
  #putNoHeaders(): void {
    const { writer } = this;
    writer.reserve(ownRoom);
    writer.buffer[writer.offset++] = 0;
  }

  /** Writes the length of a field into the gap before it, and returns how wide that is. */
  #closeField(start: number, gap: number): number {
    const { writer } = this;
    const from = start + gap;
    const length = writer.offset - from;
    const width = sizeOfLength(length);
    if (width !== gap) {
      writer.reserve(ownRoom);
      writer.buffer.copyWithin(start + width, from, writer.offset);
      writer.offset += width - gap;
    }
    putLength(writer.buffer, start, length);
    return width;
  }

  #put(bytes: Uint8Array): void {
    const { writer } = this;
    const { length } = bytes;
    writer.reserve(length + ownRoom);
    const { buffer, offset } = writer;
    if (length > shortCopy) buffer.set(bytes, offset);
    else for (let i = 0; i < length; i++) buffer[offset + i] = bytes[i] as number;
    writer.offset = offset + length;
  }

  #putBatchHeader(compression: Compression): void {
    const { buffer, offset } = this.writer;
    buffer.fill(0, 0, batchField.records);
    buffer.writeInt32BE(offset - batchField.leaderEpoch, batchField.length);
    buffer.writeInt32BE(-1, batchField.leaderEpoch);
    buffer[batchField.magic] = 2;
    buffer.writeInt16BE(compressionId(compression), batchField.attributes);
    buffer.writeInt32BE(this.#recordCount - 1, batchField.lastOffsetDelta);
    buffer.writeBigInt64BE(BigInt(this.#baseTimestamp), batchField.baseTimestamp);
    buffer.writeBigInt64BE(BigInt(this.#maxTimestamp), batchField.maxTimestamp);
    buffer.fill(0xff, batchField.producerId, batchField.recordCount); // -1: written by nobody yet
    buffer.writeInt32BE(this.#recordCount, batchField.recordCount);
  }
}

function useBuffer(writer: ByteWriter, buffer: Buffer): void {
  writer.buffer = buffer;
  writer.view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
  writer.offset = batchField.records;
}

/** The name of a header as `beginHeader` takes it. */
export function encodeHeaderName(name: string): Buffer {
  return encodeSized(Buffer.from(name));
}

/** Whole headers as `putHeaders` takes them. */
export function encodeHeaders(headers: Readonly<Record<string, string | Buffer | null>>): Buffer {
  const parts: Buffer[] = [];
  for (const [name, value] of Object.entries(headers)) {
    parts.push(encodeHeaderName(name));
    if (value === null) parts.push(Buffer.from([nullLength]));
    else parts.push(encodeSized(typeof value === 'string' ? Buffer.from(value) : value));
  }
  return Buffer.concat(parts);
}

function encodeSized(bytes: Buffer): Buffer {
  const length = Buffer.alloc(5);
  return Buffer.concat([length.subarray(0, putLength(length, 0, bytes.length)), bytes]);
}
