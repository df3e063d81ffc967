import type { ColumnType } from './table-schema.ts';

/** What MySQL would call a type, for columns that no database has named. */
export function renderColumnWords(type: ColumnType): string {
  switch (type.kind) {
    case 'int':
      return intWords[type.bits] + (type.unsigned ? ' unsigned' : '');
    case 'float':
      return type.bits === 32 ? 'float' : 'double';
    case 'decimal':
      return `decimal(${type.precision},${type.scale})`;
    case 'datetime':
    case 'timestamp':
    case 'time':
      return type.fsp === 0 ? type.kind : `${type.kind}(${type.fsp})`;
    case 'string':
      return 'text';
    case 'binary':
      return 'blob';
    case 'bit':
      return 'bit(64)';
    default:
      return type.kind;
  }
}

const intWords = { 8: 'tinyint', 16: 'smallint', 32: 'int', 64: 'bigint' } as const;
