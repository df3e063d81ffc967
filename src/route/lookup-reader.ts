import type { RowsSection } from '../change/change-batch.ts';
import type { TableSchema } from '../change/table-schema.ts';
import type { LookupRow } from './lookup-state.ts';
import type { LookupOptions } from './options.ts';
import { routeError } from './route-problem.ts';
import { RowLayout, type RowView } from './row-layout.ts';
import { hasText, textBytes } from './value-text.ts';

/** The value of a column as text; null for NULL. */
export function columnText(schema: TableSchema, index: number, row: RowView): string | null {
  const column = schema.columns[index];
  const start = row.starts[index] ?? 0;
  if (column === undefined || (column.nullable && row.bytes[start] === 1)) return null;
  return textBytes(column.type, row.bytes, start + (column.nullable ? 1 : 0)).toString('utf8');
}

/** Rows of the lookup table as routes. Throws CDC_ROUTE_INVALID when it lacks a column. */
export function readLookupRows(
  section: RowsSection,
  schema: TableSchema,
  { key, business }: LookupOptions,
): LookupRow[] {
  const keyIndex = lookupColumn(schema, key, 'key');
  const businessIndex = lookupColumn(schema, business, 'business');
  const id = schema.key.map((name) => schema.columns.findIndex((column) => column.name === name));
  const layout = new RowLayout(schema);
  const row = { bytes: section.bytes, starts: layout.newStarts() };
  const rows: LookupRow[] = [];
  for (let offset = 0; offset < section.bytes.length; ) {
    offset = layout.find(section.bytes, offset, row.starts);
    const deleted = section.bytes[offset - 1];
    if (deleted === 2) continue;
    rows.push({
      id: JSON.stringify(id.map((index) => columnText(schema, index, row))),
      key: columnText(schema, keyIndex, row),
      business: columnText(schema, businessIndex, row),
      version: section.bytes.readBigUInt64LE(offset - 9).toString(),
      deleted: deleted === 1,
    });
  }
  return rows;
}

/** The place of a column of the lookup table. */
export function lookupColumn(
  schema: TableSchema,
  name: string,
  option: 'key' | 'business',
): number {
  const index = schema.columns.findIndex((column) => column.name === name);
  const type = schema.columns[index]?.type;
  if (type !== undefined && hasText(type)) return index;
  const message =
    type === undefined
      ? `the lookup table has no column ${name}`
      : `column ${name} of the lookup table has no text to look up by`;
  throw routeError(schema.table, [
    {
      path: ['lookup', option],
      table: schema.table,
      code: 'CDC_ROUTE_INVALID',
      message,
      remedy: 'Name the columns of the table under route.lookup.',
    },
  ]);
}
