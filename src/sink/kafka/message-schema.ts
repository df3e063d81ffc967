import { createHash } from 'node:crypto';
import type { TableId } from '../../change/table-id.ts';
import type { ColumnType, TableSchema } from '../../change/table-schema.ts';
import type { SinkTable } from '../sink-table.ts';

/** The table as messages describe it: under its name in the warehouse. */
export function messageSchema({ source, columns, key, comment }: SinkTable): TableSchema {
  const facts = columns.map(({ name, type, nullable }) => [name, type, nullable]);
  const version = createHash('sha256')
    .update(JSON.stringify([facts, key]))
    .digest('hex');
  return {
    table: source as TableId,
    version: version.slice(0, 12),
    columns: columns.map(({ name, type, nullable, sourceType, comment: text }) => ({
      name,
      type,
      nullable,
      sourceType: sourceType ?? mysqlType(type),
      ...(text !== undefined && { comment: text }),
    })),
    key,
    ...(comment !== undefined && { comment }),
  };
}

/** What MySQL would call the type, for columns that no database has: messages name types in its words. */
export function mysqlType(type: ColumnType): string {
  switch (type.kind) {
    case 'int':
      return `${integers[type.bits]}${type.unsigned ? ' unsigned' : ''}`;
    case 'float':
      return type.bits === 32 ? 'float' : 'double';
    case 'decimal':
      return `decimal(${type.precision},${type.scale})`;
    case 'datetime':
    case 'timestamp':
    case 'time':
      return type.fsp === 0 ? type.kind : `${type.kind}(${type.fsp})`;
    case 'bit':
      return 'bit(64)';
    case 'string':
      return 'longtext';
    case 'binary':
      return 'longblob';
    default:
      return type.kind;
  }
}

const integers = { 8: 'tinyint', 16: 'smallint', 32: 'int', 64: 'bigint' } as const;
