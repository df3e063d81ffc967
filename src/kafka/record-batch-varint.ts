/**
 * Kafka's variable-length integers: zigzag (0, -1, 1, -2, ...), then seven bits a byte, low bits first,
 * the highest bit of a byte set when another follows. Always in as few bytes as the value takes.
 */

/** Bytes that a length takes. */
export function sizeOfLength(length: number): number {
  if (length < 0x40) return 1;
  if (length < 0x2000) return 2;
  if (length < 0x100000) return 3;
  return length < 0x8000000 ? 4 : 5;
}

/** Writes a value of 0 to 2^31 - 1 and returns the place after it. */
export function putLength(buffer: Uint8Array, at: number, length: number): number {
  let place = at;
  let rest = (length << 1) >>> 0;
  while (rest >= 0x80) {
    buffer[place++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  buffer[place++] = rest;
  return place;
}

/** Writes any safe integer and returns the place after it. */
export function putVarlong(buffer: Uint8Array, at: number, value: number): number {
  if (value >= 0 && value < 0x40000000) return putLength(buffer, at, value);
  let place = at;
  let rest = BigInt.asUintN(64, (BigInt(value) << 1n) ^ (value < 0 ? -1n : 0n));
  while (rest >= 0x80n) {
    buffer[place++] = Number(rest & 0x7fn) | 0x80;
    rest >>= 7n;
  }
  buffer[place++] = Number(rest);
  return place;
}
