/** A row of the lookup table, deleted ones too: an older change may still come. JSON-safe. */
export interface LookupRow {
  /** Key of the row as JSON. */
  readonly id: string;
  /** The value that events carry; null for NULL, which no event matches. */
  readonly key: string | null;
  readonly business: string | null;
  /** As decimal text. */
  readonly version: string;
  readonly deleted: boolean;
}

/** All that is known of the lookup table, as it is stored. JSON-safe. */
export interface LookupState {
  /** Of the table and columns that were read. */
  readonly id: string;
  readonly rows: readonly LookupRow[];
}

/** From `since` on a key goes to these businesses. */
interface Turn {
  readonly since: bigint;
  readonly businesses: readonly string[];
}

/**
 * Which value goes to which businesses, at each place of the changes at hand: a route that changes
 * applies to the rows behind the change and not to those before it.
 */
export class LookupRoutes {
  readonly #id: string;
  readonly #rows: Map<string, LookupRow>;
  /** Row ids by key, of those that are not deleted. */
  readonly #ids = new Map<string, Set<string>>();
  readonly #turns = new Map<string, Turn[]>();

  constructor(state: LookupState) {
    this.#id = state.id;
    this.#rows = new Map(state.rows.map((row) => [row.id, row]));
    for (const row of state.rows) this.#link(row);
    for (const key of this.#ids.keys()) this.#turn(key, 0n);
  }

  /** Takes changes in, in any order; one that is older than what is known of its row changes nothing. */
  apply(changes: readonly LookupRow[]): void {
    const sorted = [...changes].sort((left, right) =>
      BigInt(left.version) < BigInt(right.version) ? -1 : 1,
    );
    for (const row of sorted) {
      const before = this.#rows.get(row.id);
      if (before !== undefined && BigInt(before.version) > BigInt(row.version)) continue;
      this.#replace(before, row, BigInt(row.version));
    }
  }

  /** Rows older than `version` are gone. */
  deleteOlder(version: bigint): void {
    for (const row of [...this.#rows.values()]) {
      if (BigInt(row.version) >= version) continue;
      this.#replace(row, { ...row, version: version.toString(), deleted: true }, version);
    }
  }

  /** The businesses for a row of this version; undefined `version`: as of now. */
  businessesOf(key: string, version: bigint | undefined): readonly string[] {
    const turns = this.#turns.get(key) ?? [];
    if (turns.length <= 1 || version === undefined) return turns.at(-1)?.businesses ?? [];
    return turns.findLast(({ since }) => since <= version)?.businesses ?? [];
  }

  /** All that rows may have gone to, those of deleted routes too. */
  businesses(): string[] {
    return [...this.#rows.values()].flatMap(({ business }) => businessNames(business));
  }

  state(): LookupState {
    return { id: this.#id, rows: [...this.#rows.values()] };
  }

  #replace(before: LookupRow | undefined, row: LookupRow, since: bigint): void {
    if (before?.key !== undefined && before.key !== null) this.#ids.get(before.key)?.delete(row.id);
    this.#rows.set(row.id, row);
    this.#link(row);
    for (const key of new Set([before?.key, row.key])) {
      if (typeof key === 'string') this.#turn(key, since);
    }
  }

  #link({ id, key, deleted }: LookupRow): void {
    if (key === null || deleted) return;
    const ids = this.#ids.get(key) ?? new Set();
    this.#ids.set(key, ids.add(id));
  }

  #turn(key: string, since: bigint): void {
    const names = [...(this.#ids.get(key) ?? [])].flatMap((id) => {
      const { business } = this.#rows.get(id) ?? { business: null };
      return businessNames(business);
    });
    const businesses = [...new Set(names)].sort();
    const turns = this.#turns.get(key) ?? (since === 0n ? [] : [{ since: 0n, businesses: [] }]);
    this.#turns.set(key, turns);
    turns.push({ since, businesses });
  }
}

/** `sales, ads` -> sales and ads */
function businessNames(text: string | null): string[] {
  const names = (text ?? '').split(',').map((name) => name.trim());
  return names.filter((name) => name !== '');
}
