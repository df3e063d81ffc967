import type { TableSchema } from '../../change/table-schema.ts';
import { CdcError } from '../../errors.ts';
import type { MemoryRow } from './row-encoder.ts';

/** A table as it is now: rows by key. */
export class MemoryTable {
  readonly schema: TableSchema;
  readonly #rows: Map<string, MemoryRow>;

  constructor(schema: TableSchema, rows: Iterable<MemoryRow> = []) {
    this.schema = schema;
    this.#rows = new Map();
    for (const row of rows) this.put(row);
  }

  get size(): number {
    return this.#rows.size;
  }

  rows(): MemoryRow[] {
    return [...this.#rows.values()];
  }

  /** The row with the key of `row`. Throws when there is none. */
  get(row: MemoryRow): MemoryRow {
    const found = this.#rows.get(this.#keyText(row));
    if (found === undefined) {
      throw new CdcError('CDC_INTERNAL', `${this.schema.table} has no row with that key.`);
    }
    return found;
  }

  put(row: MemoryRow): void {
    this.#rows.set(this.#keyText(row), row);
  }

  remove(row: MemoryRow): void {
    this.#rows.delete(this.#keyText(row));
  }

  clear(): void {
    this.#rows.clear();
  }

  hasSameKey(left: MemoryRow, right: MemoryRow): boolean {
    return this.#keyText(left) === this.#keyText(right);
  }

  /** Up to `limit` rows after the key `last`, in key order. */
  after(last: readonly string[] | undefined, limit: number): MemoryRow[] {
    return this.rows()
      .filter((row) => last === undefined || compareKeys(this.keyOf(row), last) > 0)
      .sort((left, right) => compareKeys(this.keyOf(left), this.keyOf(right)))
      .slice(0, limit);
  }

  keyOf(row: MemoryRow): string[] {
    return this.schema.key.map((name) => {
      const value = row[name] ?? '';
      return Buffer.isBuffer(value) ? value.toString('hex') : String(value);
    });
  }

  #keyText(row: MemoryRow): string {
    return JSON.stringify(this.keyOf(row));
  }
}

/** Any order will do as long as it is total: numbers by length first, so that 10 comes after 9. */
function compareKeys(left: readonly string[], right: readonly string[]): number {
  for (const [index, text] of left.entries()) {
    const other = right[index] ?? '';
    if (text.length !== other.length) return text.length - other.length;
    if (text !== other) return text < other ? -1 : 1;
  }
  return 0;
}
