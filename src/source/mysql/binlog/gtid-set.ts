interface Interval {
  readonly first: bigint;
  readonly last: bigint;
}

const uuidLength = 36;

/**
 * The transactions that a MySQL server has executed, in the server's own text form:
 * `uuid:1-5:8,uuid2:3:tag:1-2`. A *source* numbers its transactions: a uuid, or from MySQL 8.3 on
 * `uuid:tag`.
 */
export class GtidSet {
  /** Sorted, with gaps between them. */
  readonly #sources = new Map<string, Interval[]>();

  static parse(text: string): GtidSet {
    const set = new GtidSet();
    for (const block of text.split(',')) {
      const [uuid = '', ...items] = block.trim().toLowerCase().split(':');
      let source = uuid;
      for (const item of items.map((part) => part.trim())) {
        const range = /^(\d+)(?:-(\d+))?$/.exec(item);
        if (range === null) source = `${uuid}:${item}`;
        else set.add(source, BigInt(range[1] ?? 0), BigInt(range[2] ?? range[1] ?? 0));
      }
    }
    return set;
  }

  add(source: string, from: bigint, to: bigint): void {
    const intervals = this.#sources.get(source);
    if (intervals === undefined) {
      this.#sources.set(source, [{ first: from, last: to }]);
      return;
    }
    // From the end: nearly always the new ones follow the last.
    let at = intervals.length;
    while (at > 0 && (intervals[at - 1]?.last ?? 0n) >= from - 1n) at--;
    let [first, last] = [from, to];
    let behind = at;
    for (let next = intervals[behind]; next && next.first <= to + 1n; next = intervals[++behind]) {
      if (next.first < first) first = next.first;
      if (next.last > last) last = next.last;
    }
    intervals.splice(at, behind - at, { first, last });
  }

  toString(): string {
    let text = '';
    let uuid = '';
    const sources = [...this.#sources].sort(([left], [right]) => (left < right ? -1 : 1));
    for (const [source, intervals] of sources) {
      const own = source.slice(0, uuidLength);
      text += own === uuid ? source.slice(uuidLength) : `${text && ','}${source}`;
      uuid = own;
      for (const { first, last } of intervals)
        text += first === last ? `:${first}` : `:${first}-${last}`;
    }
    return text;
  }
}
