/**
 * Numbers as decimal digits, written into `to` at `at`; each function returns the place behind them.
 * Values of 64 bits come as two signed 32-bit halves: V8 passes those without boxing them.
 */
const two32 = 4294967296;
const million = 1_000_000;

/** `00` to `99`. */
const pairs = Uint8Array.from({ length: 200 }, (_, index) =>
  index % 2 === 0 ? 48 + Math.floor(index / 20) : 48 + ((index >> 1) % 10),
);

export function writeTwo(to: Buffer, at: number, value: number): number {
  to[at] = pairs[value * 2] as number;
  to[at + 1] = pairs[value * 2 + 1] as number;
  return at + 2;
}

export function writeFour(to: Buffer, at: number, value: number): number {
  const high = (value / 100) | 0;
  writeTwo(to, at, high);
  return writeTwo(to, at + 2, value - high * 100);
}

function writeSix(to: Buffer, at: number, value: number): number {
  const high = (value / 10_000) | 0;
  writeTwo(to, at, high);
  return writeFour(to, at + 2, value - high * 10_000);
}

/** `digits` digits, with zeros in front; `value` below 2^31. */
export function writePadded(to: Buffer, at: number, value: number, digits: number): number {
  let rest = value;
  for (let place = at + digits - 1; place >= at; place--) {
    const next = (rest / 10) | 0;
    to[place] = 48 + rest - next * 10;
    rest = next;
  }
  return at + digits;
}

/** 0 to 2^31 - 1. */
export function writeSmall(to: Buffer, at: number, value: number): number {
  if (value < 10) {
    to[at] = 48 + value;
    return at + 1;
  }
  if (value < 100) return writeTwo(to, at, value);
  if (value < 10_000) {
    const high = (value / 100) | 0;
    return writeTwo(to, writeSmall(to, at, high), value - high * 100);
  }
  const high = (value / 10_000) | 0;
  return writeFour(to, writeSmall(to, at, high), value - high * 10_000);
}

export function writeInt32(to: Buffer, at: number, value: number): number {
  if (value >= 0) return writeSmall(to, at, value);
  to[at] = 45;
  return value === -2147483648 ? writeUint64(to, at + 1, value, 0) : writeSmall(to, at + 1, -value);
}

export function writeUint32(to: Buffer, at: number, value: number): number {
  return value >= 0 ? writeSmall(to, at, value) : writeUint64(to, at, value, 0);
}

export function writeInt64(to: Buffer, at: number, low: number, high: number): number {
  if (high >= 0) return writeUint64(to, at, low, high);
  to[at] = 45;
  // The negative of a two's complement: the carry reaches the high half only from zero.
  return writeUint64(to, at + 1, -low | 0, low === 0 ? -high | 0 : ~high);
}

export function writeUint64(to: Buffer, at: number, low: number, high: number): number {
  if (high === 0 && low >= 0) return writeSmall(to, at, low);
  if (high >>> 0 < 0x200000) return writeDouble(to, at, (high >>> 0) * two32 + (low >>> 0));
  // value = top * 10^12 + middle * 10^6 + bottom, divided 32 bits at a time.
  const first = Math.floor((high >>> 0) / million);
  const rest = ((high >>> 0) - first * million) * two32 + (low >>> 0);
  const second = Math.floor(rest / million);
  const bottom = rest - second * million;
  // first is below 4295, so first * 2^32 + second is exact.
  return writeSix(to, writeDouble(to, at, first * two32 + second), bottom);
}

/** A whole number from 0 to 2^53. */
export function writeDouble(to: Buffer, at: number, value: number): number {
  if (value < two32 / 2) return writeSmall(to, at, value | 0);
  const high = Math.floor(value / million);
  const place = writeDouble(to, at, high);
  return writeSix(to, place, (value - high * million) | 0);
}

/** A time in milliseconds, given as whole millions and the rest of them, with `zeros` behind it. */
export function writeMillis(
  to: Buffer,
  at: number,
  millions: number,
  rest: number,
  zeros: number,
): number {
  if (millions === 0 && rest === 0) return writeSmall(to, at, 0);
  let place =
    millions === 0 ? writeSmall(to, at, rest) : writeSix(to, writeSmall(to, at, millions), rest);
  for (let index = 0; index < zeros; index++) to[place++] = 48;
  return place;
}
