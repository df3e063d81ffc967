import type { ColumnType } from '../../change/table-schema.ts';

/** Types with the same form have the same text for the same value, so rows of one stay right in the other. */
export function scalarForm(type: ColumnType): string {
  if ('text' in type && type.text) return 'text';
  switch (type.kind) {
    case 'int':
    case 'decimal':
    case 'year':
    case 'bit':
      return 'number';
    case 'float':
      return `float${type.bits}`;
    case 'string':
      return 'text';
    default:
      return type.kind;
  }
}

/** Integers that every reader of JSON takes as they are. */
export function isSmallInteger(type: ColumnType): boolean {
  return type.kind === 'year' || (type.kind === 'int' && type.bits <= 32);
}
