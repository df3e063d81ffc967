import { CdcError } from '../../errors.ts';
import type { ChangeEncoder, ChangePlace } from '../../format/change-format.ts';
import type { BatchSender, PartitionLane } from '../../kafka/batch-sender.ts';
import { partitionOf } from '../../kafka/murmur2.ts';
import { ByteWriter } from '../../lib/byte-writer.ts';
import { putHeaders } from './record-headers.ts';
import type { OpenTopic } from './topic-writer.ts';

/** A batch is sent at this size, uncompressed, where the topic takes as much. */
const batchBytes = 512 * 1024;
/** With the next message a batch may pass the first limit, but not this one. */
const largestBatch = 960 * 1024;
/** `_row` UInt64 and how many images follow, 1 or 2. */
const frontBytes = 9;

export interface MessageWriterOptions extends OpenTopic {
  readonly sender: BatchSender;
  readonly encoder: ChangeEncoder;
  /** As `tableHeaders` makes them. */
  readonly headers: Buffer;
  readonly place: ChangePlace;
  /** Deletes are followed by a message without value. */
  readonly hasTombstones: boolean;
}

/** Writes the rows that `StagedSql.messages` gives, of one batch, into the partitions of a topic. */
export class MessageWriter {
  readonly #options: MessageWriterOptions;
  readonly #key = new ByteWriter(4096);
  readonly #sends: Promise<unknown>[] = [];
  readonly #refused: string[] = [];
  /** A batch above it is sent without its last message. */
  readonly #most: number;
  readonly #enough: number;

  constructor(options: MessageWriterOptions) {
    this.#options = options;
    this.#most = Math.min(largestBatch, options.maxBytes);
    this.#enough = Math.min(batchBytes, options.maxBytes / 2);
  }

  /** Resolves when every message is stored, to the rows that are too large for one. */
  async write(chunks: AsyncIterable<Buffer>): Promise<readonly string[]> {
    const { sender, lanes } = this.#options;
    let rest: Buffer = Buffer.alloc(0);
    for await (const chunk of chunks) {
      const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      rest = bytes.subarray(this.#writeWhole(bytes));
      await sender.room();
    }
    if (rest.length > 0) throw new RangeError(`${rest.length} bytes of a row are missing`);
    for (const lane of lanes) if (!lane.batch.isEmpty) this.#sent(sender.send(lane));
    await Promise.all(this.#sends);
    return this.#refused;
  }

  /** The messages that are there as a whole; returns where the first that is not begins. */
  #writeWhole(bytes: Buffer): number {
    const { encoder, lanes, hasTombstones } = this.#options;
    const key = this.#key;
    for (let at = 0; ; ) {
      const next = at + frontBytes < bytes.length ? encoder.read(bytes, at + frontBytes) : -1;
      if (next < 0) return at;
      key.offset = 0;
      encoder.writeKey(key);
      const lane = lanes[partitionOf(key.buffer, lanes.length, 0, key.offset)] as PartitionLane;
      if (this.#isMissing(false)) this.#writeMessage(lane, bytes, at);
      if (hasTombstones && encoder.operation === 'delete' && this.#isMissing(true)) {
        this.#writeTombstone(lane);
      }
      if (lane.batch.bytes >= this.#enough) this.#sent(this.#options.sender.send(lane));
      at = next;
    }
  }

  /** The writer before did not get that far. */
  #isMissing(isTombstone: boolean): boolean {
    const { tail, encoder } = this.#options;
    if (tail.isEmpty) return true;
    const key = this.#key.buffer.subarray(0, this.#key.offset);
    return !tail.has(key, encoder.versionHigh, encoder.versionLow, isTombstone);
  }

  #writeMessage(lane: PartitionLane, bytes: Buffer, at: number): void {
    const { encoder, place, sender, maxBytes } = this.#options;
    const { batch } = lane;
    batch.begin(place.receivedAtMs);
    this.#putKey(batch.writer);
    batch.endKey();
    encoder.writeValue(batch.writer, place);
    batch.endValue();
    this.#endRecord(lane);
    if (batch.bytes <= this.#most) return;
    if (batch.recordCount > 1) this.#sent(sender.sendWithoutLast(lane));
    if (batch.bytes <= this.#most) return;
    const row = String(bytes.readBigUInt64LE(at));
    const refuse = (error: unknown) => {
      const isTooLarge = error instanceof CdcError && error.code === 'CDC_LOG_MESSAGE_TOO_LARGE';
      if (!isTooLarge) throw error;
      this.#refused.push(row);
    };
    this.#sent(sender.sendUpTo(lane, maxBytes).catch(refuse));
  }

  #writeTombstone(lane: PartitionLane): void {
    const { batch } = lane;
    batch.begin(this.#options.place.receivedAtMs);
    this.#putKey(batch.writer);
    batch.endKey();
    batch.nullValue();
    this.#endRecord(lane);
  }

  #endRecord({ batch }: PartitionLane): void {
    const { encoder, headers } = this.#options;
    putHeaders(batch, headers, encoder.versionHigh, encoder.versionLow);
    batch.endRecord();
  }

  #putKey(to: ByteWriter): void {
    const { buffer, offset } = this.#key;
    to.reserve(offset);
    to.offset += buffer.copy(to.buffer, to.offset, 0, offset);
  }

  #sent(stored: Promise<unknown>): void {
    // Failures are looked at together, at the end.
    stored.catch(() => undefined);
    this.#sends.push(stored);
  }
}
