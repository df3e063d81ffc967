import type { TableSchema } from '../change/table-schema.ts';
import { quoteIdentifier } from '../engine/sql-quote.ts';

export function columnList(schema: TableSchema): string {
  return schema.columns.map(({ name }) => quoteIdentifier(name)).join(', ');
}
