import type { RowDecoder } from './row-decoder.ts';
import type { TableMap } from './table-map.ts';

/** What is known of one table id: the server gives a table a new id when its definition changes. */
export interface MappedTable {
  /** The TABLE_MAP body it was made from. */
  readonly bytes: Buffer;
  /** Undefined for a table whose rows are of no interest. */
  map: TableMap | undefined;
  /** Undefined as long as the schema of these rows is not known. */
  decoder: RowDecoder | undefined;
}

/** Ids are never reused, so old ones only take room; a table in use comes back at its next transaction. */
const maxTables = 4096;

/** Every transaction repeats the TABLE_MAPs of its tables; the same bytes need no second look. */
export class TableMapCache {
  readonly #tables = new Map<number, MappedTable>();

  get(id: number): MappedTable | undefined {
    return this.#tables.get(id);
  }

  /** The table of that body when it is the last one met for its id. */
  find(id: number, buffer: Buffer, start: number, end: number): MappedTable | undefined {
    const table = this.#tables.get(id);
    const isSame = table !== undefined && table.bytes.compare(buffer, start, end) === 0;
    return isSame ? table : undefined;
  }

  set(id: number, table: MappedTable): void {
    if (this.#tables.size >= maxTables) this.#tables.clear();
    this.#tables.set(id, table);
  }
}
