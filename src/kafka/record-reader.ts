import type { KafkaRecord } from './kafka-cluster.ts';

export interface RecordContext {
  /** Records before this offset are left out: a batch is stored, and sent, as a whole. */
  readonly from: number;
  readonly count: number;
  readonly baseOffset: number;
  readonly baseTimestamp: number;
  /** Present when the broker stamps records: then it is the time of all. */
  readonly appendTimestamp?: number | undefined;
}

/** Headers whose name and value are remembered, because they repeat from record to record. */
const keptHeaders = 64;
/** Longer values are seldom the same again. */
const keptValueBytes = 32;
const noHeaders: KafkaRecord['headers'] = Object.freeze({});

/**
 * Reads the records of an uncompressed batch body:
 *
 *   length varint, attributes INT8, timestampDelta varlong, offsetDelta varint,
 *   keyLength varint, key, valueLength varint, value, headersCount varint,
 *   headers: nameLength varint, name, valueLength varint, value
 *
 * Varints are zigzag, 7 bits a byte, least significant first; a length of -1 is null.
 */
export class RecordReader {
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;
  /** The last header at each place: comparing a few bytes is cheaper than making a text or a buffer. */
  readonly #names: { readonly bytes: Buffer; readonly text: string }[] = [];
  readonly #values: Buffer[] = [];

  /** Appends the records to `records`. */
  readAll(bytes: Buffer, records: KafkaRecord[], context: RecordContext): void {
    this.#bytes = bytes;
    this.#at = 0;
    const { from, count, baseOffset, baseTimestamp, appendTimestamp } = context;
    for (let index = 0; index < count; index++) {
      const length = this.#varint();
      const end = this.#at + length;
      this.#at++;
      const timestampDelta = this.#varint();
      const offset = baseOffset + this.#varint();
      if (offset >= from) {
        const timestampMs = appendTimestamp ?? baseTimestamp + timestampDelta;
        const key = this.#nullableBytes();
        const value = this.#nullableBytes();
        records.push({ offset, timestampMs, key, value, headers: this.#headers() });
      }
      this.#at = end;
    }
  }

  #headers(): KafkaRecord['headers'] {
    const count = this.#varint();
    if (count === 0) return noHeaders;
    const headers: Record<string, Buffer> = {};
    for (let index = 0; index < count; index++) {
      const name = this.#headerName(index);
      const value = this.#headerValue(index);
      // An assignment to this name would set the object's prototype instead.
      if (name === '__proto__') Object.defineProperty(headers, name, { value, enumerable: true });
      else headers[name] = value;
    }
    return headers;
  }

  #headerName(index: number): string {
    const length = this.#varint();
    const start = this.#at;
    this.#at += length;
    const known = this.#names[index];
    if (known?.bytes.length === length && this.#matches(known.bytes, start)) return known.text;
    const name = this.#bytes.subarray(start, start + length);
    const text = name.toString('utf8');
    if (index < keptHeaders) this.#names[index] = { bytes: name, text };
    return text;
  }

  #headerValue(index: number): Buffer {
    const length = Math.max(0, this.#varint());
    const start = this.#at;
    const known = this.#values[index];
    if (known?.length === length && this.#matches(known, start)) {
      this.#at += length;
      return known;
    }
    const value = this.#take(length);
    if (length <= keptValueBytes && index < keptHeaders) this.#values[index] = value;
    return value;
  }

  #matches(known: Buffer, start: number): boolean {
    const bytes = this.#bytes;
    for (let index = 0; index < known.length; index++) {
      if (known[index] !== bytes[start + index]) return false;
    }
    return true;
  }

  #nullableBytes(): Buffer | null {
    const length = this.#varint();
    return length < 0 ? null : this.#take(length);
  }

  #take(length: number): Buffer {
    const start = this.#at;
    this.#at += length;
    if (this.#at > this.#bytes.length) throw new RangeError('a record is longer than its batch');
    return this.#bytes.subarray(start, this.#at);
  }

  /** Also varlongs: up to 2^53 nothing is lost. */
  #varint(): number {
    const bytes = this.#bytes;
    const first = bytes[this.#at++];
    if (first === undefined) throw new RangeError('a record ends before its length says');
    if (first < 0x80) return (first >>> 1) ^ -(first & 1);
    let unsigned = first & 0x7f;
    let scale = 0x80;
    let byte: number | undefined;
    do {
      byte = bytes[this.#at++];
      if (byte === undefined) throw new RangeError('a record ends before its length says');
      unsigned += (byte & 0x7f) * scale;
      scale *= 0x80;
    } while (byte >= 0x80);
    return unsigned % 2 === 0 ? unsigned / 2 : -(unsigned + 1) / 2;
  }
}
