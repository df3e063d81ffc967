import { createHash } from 'node:crypto';
import { renderColumnWords } from '../../change/column-words.ts';
import type { TableId } from '../../change/table-id.ts';
import type { TableSchema } from '../../change/table-schema.ts';
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
      sourceType: sourceType ?? renderColumnWords(type),
      ...(text !== undefined && { comment: text }),
    })),
    key,
    ...(comment !== undefined && { comment }),
  };
}
