import type { ColumnType } from '../../../change/table-schema.ts';
import type { ColumnDescription } from '../schema/schema-reader.ts';

/**
 * What to SELECT so that the server prints a value as everybody else does: floats in full, and what prints as raw bytes or
 * with zeros in front as a plain number.
 */
export function textExpression(
  name: string,
  type: ColumnType,
  { columnType }: ColumnDescription,
): string {
  if (type.kind === 'float') return `${name} * 1e0`;
  const isPlain = type.kind !== 'bit' && type.kind !== 'year' && !/ zerofill/i.test(columnType);
  return isPlain ? name : `${name} + 0`;
}
