import type { SchemaSection, SweepSection, TruncateSection } from '../../change/change-batch.ts';
import { decodeRows, type Row, type RowValue } from '../../change/row-codec.ts';
import type { TableId } from '../../change/table-id.ts';
import type { TableSchema } from '../../change/table-schema.ts';
import { CdcError } from '../../errors.ts';
import type { Ods, TableLoad } from '../ods.ts';

interface MemoryTable {
  schema: TableSchema;
  /** The row of the highest version, deleted ones included, by key. */
  rows: Map<string, { readonly values: Map<string, RowValue>; version: bigint; deleted: boolean }>;
}

/** ODS that lives as long as its process: keeps the newest row of each key. */
export class MemoryOds implements Ods {
  readonly #tables = new Map<TableId, MemoryTable>();

  /** The current rows, each by column name, in the order of their keys as text. */
  rows(table: TableId): Record<string, RowValue>[] {
    const rows = [...(this.#tables.get(table)?.rows ?? [])];
    return rows
      .filter(([, { deleted }]) => !deleted)
      .sort(([left], [right]) => (left < right ? -1 : 1))
      .map(([, { values }]) => Object.fromEntries(values));
  }

  async applySchema({ table, schema, existingRows, defaults }: SchemaSection): Promise<void> {
    const known = this.#tables.get(table);
    if (known === undefined || existingRows === 'resnapshot') {
      this.#tables.set(table, { schema, rows: new Map() });
      return;
    }
    if (schema.key.join() !== known.schema.key.join()) {
      throw new CdcError('CDC_SCHEMA_INCOMPATIBLE', `Changing ${table}: its key is another one.`, {
        details: { table },
      });
    }
    for (const row of known.rows.values()) {
      for (const { name } of schema.columns) {
        if (!row.values.has(name)) row.values.set(name, literalValue(defaults?.[name]));
      }
      for (const name of row.values.keys()) {
        if (!schema.columns.some((column) => column.name === name)) row.values.delete(name);
      }
    }
    known.schema = schema;
  }

  async deleteOlder({ table, version, only }: TruncateSection | SweepSection): Promise<void> {
    for (const row of this.#tables.get(table)?.rows.values() ?? []) {
      if (row.version >= version || row.deleted) continue;
      if (only !== undefined && row.values.get(only.column) !== only.value) continue;
      row.version = version;
      row.deleted = true;
    }
  }

  async write({ schema, rowCount, chunks, layout }: TableLoad): Promise<void> {
    if (layout !== undefined) {
      throw new CdcError(
        'CDC_INTERNAL',
        `Writing to ${schema.table}: messages are taken apart by an engine, and this ods has none.`,
      );
    }
    const table = this.#tables.get(schema.table);
    if (table === undefined || table.schema.version !== schema.version) {
      throw new CdcError(
        'CDC_SCHEMA_INCOMPATIBLE',
        `Writing to ${schema.table}: it has not the columns of schema version ${schema.version}.`,
        { details: { table: schema.table } },
      );
    }
    const rows = chunks.flatMap((chunk) => decodeRows(schema, chunk));
    if (rows.length !== rowCount) {
      throw new CdcError(
        'CDC_INTERNAL',
        `Writing to ${schema.table}: ${rowCount} rows announced, ${rows.length} sent.`,
      );
    }
    for (const row of rows) keepNewest(table, row);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#tables.clear();
  }
}

function keepNewest({ schema, rows }: MemoryTable, { values, version, deleted }: Row): void {
  const named = new Map(schema.columns.map(({ name }, index) => [name, values[index] ?? null]));
  const key = schema.key.map((name) => renderKeyValue(named.get(name) ?? null)).join('\0');
  const known = rows.get(key);
  if (known === undefined || known.version <= version) {
    rows.set(key, { values: named, version, deleted });
  }
}

function renderKeyValue(value: RowValue): string {
  return Buffer.isBuffer(value) ? value.toString('hex') : String(value);
}

/** A SQL literal as a value: NULL, a number or quoted text; see `SchemaSection.defaults`. */
function literalValue(literal: string | undefined): RowValue {
  if (literal === undefined || literal === 'NULL') return null;
  if (!literal.startsWith("'")) return Number(literal);
  return literal.slice(1, -1).replaceAll(/\\(.)/gs, '$1');
}
