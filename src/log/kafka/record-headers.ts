import type { ByteWriter } from '../../lib/byte-writer.ts';

/** Names of the headers that every record of ours has. Values are text. */
export const recordHeader = {
  /** Table id after routing. */
  table: 'table',
  /** Schema version of the row. */
  schema: 'schema',
  /** Version of the row, decimal. */
  version: 'version',
  /** `file:offset` in the source. */
  position: 'position',
  /** GTID, or `file:offset` of the transaction's end. */
  transaction: 'transaction',
} as const;

const two32 = 4294967296;
const chunk = 1e10;

/**
 * Writes versions, given in halves (change/position.ts), as decimal text. The upper half rarely changes
 * from row to row, so its part of the division is kept.
 */
export class VersionText {
  #high = -1;
  /** `high * 2^32`, divided by 10^10. */
  #quotient = 0;
  #rest = 0;

  write(to: ByteWriter, high: number, low: number): void {
    if (high !== this.#high) this.#divide(high);
    let upper = this.#quotient;
    let lower = this.#rest + low;
    if (lower >= chunk) {
      lower -= chunk;
      upper++;
    }
    to.reserve(24);
    if (upper === 0) {
      to.offset = putDigits(to.buffer, to.offset, lower, digitsOf(lower));
      return;
    }
    const at = putDigits(to.buffer, to.offset, upper, digitsOf(upper));
    to.offset = putDigits(to.buffer, at, lower, 10);
  }

  #divide(high: number): void {
    const value = BigInt(high) * BigInt(two32);
    this.#high = high;
    this.#quotient = Number(value / BigInt(chunk));
    this.#rest = Number(value % BigInt(chunk));
  }
}

/** `mysql-bin.000042:1234` for a version; `base` is the file's name up to its number, of `digits`. */
export function writePosition(
  to: ByteWriter,
  { base, digits }: { readonly base: Buffer; readonly digits: number },
  high: number,
  low: number,
): void {
  to.reserve(base.length + 40);
  const { buffer } = to;
  let at = to.offset;
  for (let index = 0; index < base.length; index++) buffer[at++] = base[index] as number;
  const file = (high >>> 4) & 0xfffff;
  at = putDigits(buffer, at, file, Math.max(digits, digitsOf(file)));
  buffer[at++] = 0x3a;
  const offset = (high & 0xf) * two32 + low;
  to.offset = putDigits(buffer, at, offset, digitsOf(offset));
}

function digitsOf(value: number): number {
  let digits = 1;
  for (let rest = value; rest >= 10; rest = Math.floor(rest / 10)) digits++;
  return digits;
}

/** `count` digits with leading zeros; returns the place after them. */
function putDigits(buffer: Uint8Array, start: number, value: number, count: number): number {
  let rest = value;
  for (let at = start + count - 1; at >= start; at--) {
    const next = Math.floor(rest / 10);
    buffer[at] = 0x30 + (rest - next * 10);
    rest = next;
  }
  return start + count;
}
