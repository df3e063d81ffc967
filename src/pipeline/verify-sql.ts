import { randomBytes } from 'node:crypto';
import type { TableId } from '../change/table-id.ts';
import type { TableSchema } from '../change/table-schema.ts';
import { quoteIdentifier } from '../engine/sql-quote.ts';

/** The physical ODS table, with its version and deleted columns. */
export function odsTable(table: TableId): string {
  return `\`_ods\`.${quoteIdentifier(table)}`;
}

export function columnList(schema: TableSchema): string {
  return schema.columns.map(({ name }) => quoteIdentifier(name)).join(', ');
}

/** A name of its own in the scratch database, so that several verifications do not meet. */
export function temporaryTable(purpose: string): string {
  return `\`_verify\`.\`${purpose}_${randomBytes(6).toString('hex')}\``;
}
