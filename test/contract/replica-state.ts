import type { ChangeBatch } from '../../src/change/change-batch.ts';
import type { TableId } from '../../src/change/table-id.ts';
import type { TableSchema } from '../../src/change/table-schema.ts';
import { type DecodedRow, decodeRows } from './decode-rows.ts';

/** The plainest sink: what the tables look like after the batches applied, newest version of a key wins. */
export class ReplicaState {
  readonly #schemas = new Map<string, TableSchema>();
  readonly #newest = new Map<TableId, TableSchema>();
  readonly #rows = new Map<TableId, Map<string, DecodedRow>>();
  readonly #history = new Map<TableId, DecodedRow[]>();

  /** A schema known before any batch. */
  learn(schema: TableSchema): void {
    this.#schemas.set(`${schema.table} ${schema.version}`, schema);
    this.#newest.set(schema.table, schema);
  }

  schema(table: TableId): TableSchema | undefined {
    return this.#newest.get(table);
  }

  schemas(): Map<TableId, TableSchema> {
    return new Map(this.#newest);
  }

  apply(batch: ChangeBatch): void {
    for (const section of batch.sections) {
      const rows = this.#tableRows(section.table);
      if (section.kind === 'schema') {
        this.learn(section.schema);
        if (section.existingRows === 'resnapshot') rows.clear();
      } else if (section.kind === 'rows') {
        for (const row of this.#decode(section)) this.#put(section.table, rows, row);
      } else if (section.kind !== 'messages') {
        for (const [key, row] of rows) if (row.version < section.version) rows.delete(key);
      }
    }
  }

  /** Versions of all rows of a batch whose schemas are known, in the order of the sections' tables. */
  versions(batch: ChangeBatch): bigint[] {
    return batch.sections.flatMap((section) =>
      section.kind === 'rows' ? this.#decode(section).map(({ version }) => version) : [],
    );
  }

  /** Every row applied, in order. */
  history(table: TableId): readonly DecodedRow[] {
    return this.#history.get(table) ?? [];
  }

  /** Rows that exist, by id, each with all columns of the newest schema. */
  rows(table: TableId): Record<string, string | null>[] {
    const columns = this.#newest.get(table)?.columns ?? [];
    return [...this.#tableRows(table).values()]
      .filter((row) => !row.deleted)
      .map(({ values }) =>
        Object.fromEntries(columns.map(({ name }) => [name, values[name] ?? null])),
      )
      .sort((left, right) => Number(left['id']) - Number(right['id']));
  }

  #decode(section: {
    table: TableId;
    schemaVersion: string;
    bytes: Buffer;
    rowCount: number;
  }): DecodedRow[] {
    const schema = this.#schemas.get(`${section.table} ${section.schemaVersion}`);
    if (schema === undefined) throw new Error(`rows of ${section.table} in an unknown schema`);
    const rows = decodeRows(schema, section.bytes);
    if (rows.length !== section.rowCount)
      throw new Error(`${section.rowCount} rows announced, ${rows.length} there`);
    return rows;
  }

  #put(table: TableId, rows: Map<string, DecodedRow>, row: DecodedRow): void {
    const key = (this.#newest.get(table)?.key ?? []).map((name) => row.values[name]).join('\0');
    const old = rows.get(key);
    const isNewer = old === undefined || row.version >= old.version;
    if (isNewer && !row.isBefore) rows.set(key, row);
    const history = this.#history.get(table);
    if (history) history.push(row);
    else this.#history.set(table, [row]);
  }

  #tableRows(table: TableId): Map<string, DecodedRow> {
    const rows = this.#rows.get(table) ?? new Map<string, DecodedRow>();
    this.#rows.set(table, rows);
    return rows;
  }
}
