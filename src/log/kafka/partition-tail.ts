import { crc32 } from 'node:zlib';

/** A row of the stream, or an event (`digest` of its value instead). Versions in halves. */
export interface TailRecord {
  readonly offset: number;
  readonly high: number;
  readonly low: number;
  readonly digest?: number;
}

export function digestOf(value: Buffer | null): number {
  return value === null ? 0 : crc32(value);
}

/**
 * The tail of a partition: records behind the last commit, which an earlier writer left when it ended.
 * The source repeats these changes; those that are here need not be written again, but claimed for the
 * commit that they now belong to.
 */
export class PartitionTail {
  readonly #rows: TailRecord[] = [];
  readonly #events = new Set<string>();
  /** Rows before it have been claimed. */
  #claimed = 0;

  add(record: TailRecord): void {
    if (record.digest === undefined) this.#rows.push(record);
    else this.#events.add(eventKey(record.high, record.low, record.digest));
  }

  /** True for a row that is here: rows were written in the order of their versions. */
  hasRow(high: number, low: number): boolean {
    const last = this.#rows.at(-1);
    return last !== undefined && isNotAfter(high, low, last);
  }

  hasEvent(high: number, low: number, value: Buffer): boolean {
    return this.#events.size > 0 && this.#events.has(eventKey(high, low, digestOf(value)));
  }

  /** Offsets of rows up to a version that nobody has claimed yet. */
  claim(high: number, low: number): number[] {
    const offsets: number[] = [];
    for (;;) {
      const row = this.#rows[this.#claimed];
      if (row === undefined || !isNotAfter(row.high, row.low, { high, low })) return offsets;
      offsets.push(row.offset);
      this.#claimed++;
    }
  }
}

function isNotAfter(high: number, low: number, other: { high: number; low: number }): boolean {
  return high < other.high || (high === other.high && low <= other.low);
}

function eventKey(high: number, low: number, digest: number): string {
  return `${high} ${low} ${digest}`;
}
