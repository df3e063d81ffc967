import { wireType } from './event-format.ts';
import type { WireColumn } from './table-map.ts';

/**
 * Source text for one column of a generated decoder. In it are only numbers and the names below;
 * whatever comes from a database travels in `constants`.
 *
 *   b, p   row image and the place in it
 *   o, q   output buffer and the place in it;  d  its DataView
 *   w      the ByteWriter behind them;  V  the ValueWriter;  C  the constants
 *   n e v x m f y  scratch
 */
export interface ColumnCode {
  /** Writes the value at `p` and moves `p` behind it. */
  readonly read: string;
  /** Moves `p` behind the value. */
  readonly skip: string;
  /** Bytes `read` may write without reserving. */
  readonly room: number;
}

/** Values that generated code refers to as `C[n]`. */
export class Constants {
  readonly values: unknown[] = [];

  /** The expression for a value. */
  add(value: unknown): string {
    return `C[${this.values.push(value) - 1}]`;
  }
}

export function fixed(size: number, read: string, room: number): ColumnCode {
  return { read: `${read} p += ${size};`, skip: `p += ${size};`, room };
}

/** A value of `lengthBytes` bytes of length `n` and then the value; `read` finds it at `p`. */
export function sized(lengthBytes: number, read: string, room: number): ColumnCode {
  const length = Array.from({ length: lengthBytes }, (_, index) =>
    index === 0 ? 'b[p]' : `b[p + ${index}] * ${256 ** index}`,
  ).join(' + ');
  return {
    read: `n = ${length}; p += ${lengthBytes}; ${read} p += n;`,
    skip: `p += ${lengthBytes} + ${length};`,
    room,
  };
}

/** A call that writes through `w` and may replace its buffer. */
export function call(code: string): string {
  return `w.offset = q; ${code} o = w.buffer; d = w.view; q = w.offset;`;
}

export function textual(code: string, size: number): ColumnCode {
  return fixed(size, call(code), 0);
}

export function copy(size: number): string {
  const moves = Array.from({ length: size }, (_, index) => `o[q + ${index}] = b[p + ${index}];`);
  return `${moves.join(' ')} q += ${size};`;
}

export function writeInt64(value: string): string {
  return `x = Math.floor(${value} / 4294967296);
    d.setUint32(q, ${value} - x * 4294967296, true); d.setInt32(q + 4, x, true); q += 8;`;
}

/** Text up to this many bytes is copied in line; its length fits one byte. */
export const shortText = 127;

/** Short values in line: below some tens of bytes a call into native code costs more than the bytes. */
export const copyBytes = `if (n <= ${shortText}) {
      o[q++] = n;
      if (n <= 48) for (e = p; e < p + n; ) o[q++] = b[e++];
      else { b.copy(o, q, p, p + n); q += n; }
    } else { ${call('V.bytes(w, b, p, n);')} }`;

export function lengthBytesOf({ type, size }: WireColumn): number {
  const isBlob =
    type === wireType.blob || type === wireType.blobCompressed || type === wireType.geometry;
  return isBlob ? size : size > 255 ? 2 : 1;
}
