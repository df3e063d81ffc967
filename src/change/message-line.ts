import { ByteWriter } from '../lib/byte-writer.ts';

/** A message of a queue, as far as the line needs it. */
export interface LineSource {
  readonly partition: number;
  readonly offset: number;
  /** Of the message, by the queue's clock or its producer's. */
  readonly timestampMs: number;
  /** Its value: JSON in any layout. */
  readonly value: Buffer;
}

/**
 * Lines of a messages section, one JSON object for each message:
 *
 *     {"v":<version>,"a":<arrival>,"p":<partition>,"o":<offset>,"t":<ms>,"q":"<queue>","m":<value>}\n
 *     {"v":..,"a":..,"p":..,"o":..,"t":..,"q":"<queue>","e":"<reason>","m":<value>}\n
 *
 * - `v`: version of the row when the layout says `line`, otherwise 0.
 * - `a`: grows with the order in which the reader took messages in; 0 where versions tell it.
 * - `q`: the topic.
 * - `e`: only where the reader could not place the message (a table nobody asked for, no table at all),
 *   and why; such a line becomes a dead letter whatever its value looks like.
 * - `m`: the value as it came. Line breaks in it (blank space to JSON) become spaces, so that a line is
 *   always one message, also a malformed one.
 */
export class MessageLines {
  readonly #writer = new ByteWriter();
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** Bytes so far. */
  get bytes(): number {
    return this.#writer.offset;
  }

  /**
   * `queue` as JSON text, quotes included: the same for all messages of a topic. `reason`: the message
   * could not be placed.
   */
  add(
    source: LineSource,
    queue: string,
    version: bigint | string,
    arrival: bigint | number,
    reason?: string,
  ): void {
    const { partition, offset, timestampMs, value } = source;
    const refusal = reason === undefined ? '' : `"e":${JSON.stringify(reason)},`;
    const head =
      `{"v":${version},"a":${arrival},"p":${partition},"o":${offset},"t":${timestampMs},` +
      `"q":${queue},${refusal}"m":`;
    const writer = this.#writer;
    writer.reserve(head.length * 3 + value.length + 2);
    writer.offset += writer.buffer.write(head, writer.offset);
    const start = writer.offset;
    value.copy(writer.buffer, start);
    const end = start + value.length;
    for (let at = value.indexOf(10); at >= 0; at = value.indexOf(10, at + 1)) {
      writer.buffer[start + at] = 32;
    }
    writer.buffer[end] = 125;
    writer.buffer[end + 1] = 10;
    writer.offset = end + 2;
    this.#count++;
  }

  /** The lines so far; empty afterwards. */
  take(): { rowCount: number; bytes: Buffer } {
    const rowCount = this.#count;
    this.#count = 0;
    return { rowCount, bytes: this.#writer.take() };
  }
}
