import type { RowChange } from './row-change.ts';

const firstBytes = 64 * 1024;
/** Array with a 32-bit length, at the very beginning. */
const headBytes = 5;
/** Of a string: at most a byte and a 32-bit length. */
const stringHead = 5;

/** Rows as write-script.ts takes them: one flat MessagePack array. */
export class RowPacker {
  #buffer = Buffer.allocUnsafe(firstBytes);
  #offset = headBytes;
  #items = 0;
  rows = 0;

  get bytes(): number {
    return this.#offset;
  }

  add({ key, version, fate, entries, values }: RowChange): void {
    this.#items += 5 + values.length;
    this.rows++;
    this.#reserve(3);
    this.#buffer[this.#offset] = 0xcd; // uint 16
    this.#buffer.writeUInt16BE(values.length, this.#offset + 1);
    this.#offset += 3;
    this.#string(key);
    this.#string(version);
    this.#string(fate);
    this.#string(entries);
    for (const value of values) this.#string(value);
  }

  /** The packed rows; the packer is empty afterwards. */
  take(): Buffer {
    const packed = this.#buffer.subarray(0, this.#offset);
    packed[0] = 0xdd; // array 32
    packed.writeUInt32BE(this.#items, 1);
    this.#buffer = Buffer.allocUnsafe(Math.max(firstBytes, packed.length));
    this.#offset = headBytes;
    this.#items = 0;
    this.rows = 0;
    return packed;
  }

  #string(text: string): void {
    const { length } = text;
    this.#reserve(length + stringHead);
    const buffer = this.#buffer;
    let at = this.#offset;
    if (length < 32) buffer[at++] = 0xa0 | length;
    else if (length < 0x10000) {
      buffer[at] = 0xda;
      at = buffer.writeUInt16BE(length, at + 1);
    } else {
      buffer[at] = 0xdb;
      at = buffer.writeUInt32BE(length, at + 1);
    }
    this.#offset = at + buffer.write(text, at, 'latin1');
  }

  #reserve(bytes: number): void {
    const needed = this.#offset + bytes;
    if (needed <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2));
    this.#buffer.copy(larger, 0, 0, this.#offset);
    this.#buffer = larger;
  }
}
