/**
 * A buffer that grows. Hot code reserves room for a row once, then writes through `buffer`,
 * `view` and `offset` directly; generated decoders do the same.
 */
export class ByteWriter {
  buffer: Buffer;
  view: DataView;
  offset = 0;

  constructor(capacity = 64 * 1024) {
    this.buffer = Buffer.allocUnsafeSlow(capacity);
    this.view = viewOf(this.buffer);
  }

  /** Makes room for `size` more bytes. `buffer` and `view` may be other objects afterwards. */
  reserve(size: number): void {
    if (this.offset + size <= this.buffer.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.buffer.length * 2, this.offset + size));
    this.buffer.copy(grown, 0, 0, this.offset);
    this.buffer = grown;
    this.view = viewOf(grown);
  }

  /** The bytes written so far, as a copy of their own; the writer is empty afterwards and keeps its room. */
  take(): Buffer {
    const bytes = Buffer.allocUnsafeSlow(this.offset);
    this.buffer.copy(bytes, 0, 0, this.offset);
    this.offset = 0;
    return bytes;
  }

  /** LEB128, as RowBinary writes lengths. Needs 5 reserved bytes. */
  writeVarUint(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.buffer[this.offset++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.buffer[this.offset++] = rest;
  }
}

function viewOf(buffer: Buffer): DataView {
  return new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
}
