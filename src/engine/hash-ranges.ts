import type { EngineStatementOptions } from './clickhouse-engine.ts';

/** What a comparison needs of an engine. */
export interface ComparingEngine {
  command(sql: string, options?: EngineStatementOptions): Promise<{ readonly writtenRows: number }>;
  rows<T = Record<string, unknown>>(sql: string, options?: EngineStatementOptions): Promise<T[]>;
}

/**
 * Rows of two sides as hashes: `hash UInt64` of the key, `side Int8` (+1 and -1), `h1`, `h2 Int64` of the whole row by two
 * different functions. Both sides are equal where the signed count and both signed sums are zero. Sums, not XOR: two equal
 * differences would cancel out.
 */
export const hashedRowColumns = 'hash UInt64, side Int8, h1 Int64, h2 Int64';

/** The values of `hashedRowColumns` but the side. */
export function hashedRow(key: string, row: string): { hash: string; h1: string; h2: string } {
  // NULL makes a hash NULL unless it stands in a tuple.
  return {
    hash: `cityHash64(tuple(${key}))`,
    h1: `reinterpretAsInt64(cityHash64(tuple(${row})))`,
    h2: `reinterpretAsInt64(sipHash64(tuple(${row})))`,
  };
}

/** Hashes from `first` to `last`, both inclusive. */
export interface HashRange {
  readonly first: bigint;
  readonly last: bigint;
}

export interface DifferingRanges {
  readonly ranges: readonly HashRange[];
  /** Ranges whose sums were looked at. */
  readonly compared: number;
}

/** Each range is divided into 64. */
const fanOutBits = 6n;
/** So few rows are looked at one by one. */
const leafRows = 512;
/** With more ranges than this most of the table differs, and narrower ones would tell nothing new. */
const mostRanges = 256;
const whole: HashRange = { first: 0n, last: 2n ** 64n - 1n };

/**
 * The ranges of the key's hash in which two sides differ, found by bisection: ranges are summed, and only those whose sums
 * differ are divided again, down to a few rows. `from` follows the word FROM and has `hashedRowColumns`.
 */
export async function differingRanges(
  engine: ComparingEngine,
  from: string,
  options: EngineStatementOptions = {},
): Promise<DifferingRanges> {
  const leaves: HashRange[] = [];
  let open: readonly HashRange[] = [whole];
  let compared = 0;
  for (let bits = 64n - fanOutBits; open.length > 0; bits -= fanOutBits) {
    if (bits < 0n || open.length + leaves.length > mostRanges) break;
    const sums = await engine.rows<RangeSums>(sumsOf(from, open, bits), options);
    compared += open.length * 2 ** Number(fanOutBits);
    const narrower: HashRange[] = [];
    for (const { part, rows } of sums) {
      const first = BigInt(part) << bits;
      const range = { first, last: first + (1n << bits) - 1n };
      (Number(rows) <= leafRows ? leaves : narrower).push(range);
    }
    open = narrower;
  }
  return { ranges: [...leaves, ...open], compared };
}

/** Condition on `hash`. */
export function inRanges(ranges: readonly HashRange[], hash = 'hash'): string {
  if (ranges.some(({ first, last }) => first === whole.first && last === whole.last)) return '1';
  const each = ranges.map(({ first, last }) => `${hash} BETWEEN ${first} AND ${last}`);
  return each.length === 0 ? '0' : `(${each.join(' OR ')})`;
}

interface RangeSums {
  readonly part: string;
  readonly rows: string;
}

/** The parts that differ; `part` is what their hashes begin with. */
function sumsOf(from: string, ranges: readonly HashRange[], bits: bigint): string {
  return `SELECT toString(bitShiftRight(hash, ${bits})) AS part, toString(count()) AS rows
FROM ${from} WHERE ${inRanges(ranges)} GROUP BY part
HAVING sum(side) != 0 OR sum(side * h1) != 0 OR sum(side * h2) != 0`;
}
