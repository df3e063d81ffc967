import { randomBytes } from 'node:crypto';
import type { TableSchema } from '../change/table-schema.ts';
import { quoteIdentifier } from '../engine/sql-quote.ts';

export function columnList(schema: TableSchema): string {
  return schema.columns.map(({ name }) => quoteIdentifier(name)).join(', ');
}

/** A name of its own in the scratch database, so that several verifications do not meet. */
export function temporaryTable(purpose: string): string {
  return `\`_verify\`.\`${purpose}_${randomBytes(6).toString('hex')}\``;
}
