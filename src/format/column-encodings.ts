import {
  defaultEncoding,
  type MessageFormat,
  type MessageLayout,
  type ValueEncoding,
} from '../change/message-layout.ts';
import type { Column, TableSchema } from '../change/table-schema.ts';

/** The layout of messages whose columns are encoded by `encoding`; versions travel beside them. */
export function layoutOf(
  format: MessageFormat,
  schema: TableSchema,
  encoding: (column: Column) => ValueEncoding,
): MessageLayout {
  const encodings = Object.fromEntries(
    schema.columns
      .filter((column) => encoding(column) !== defaultEncoding(format, column.type))
      .map((column) => [column.name, encoding(column)]),
  );
  return { format, ...(Object.keys(encodings).length > 0 && { encodings }), version: 'line' };
}

/** Columns of the message's key: the table's key, or all columns where it has none. */
export function keyColumns({ columns, key }: TableSchema): readonly Column[] {
  if (key.length === 0) return columns;
  return key.flatMap((name) => columns.filter((column) => column.name === name));
}
