import { createHash } from 'node:crypto';
import type { Column } from '../change/table-schema.ts';

/** A short hash of what decides row bytes, and of `more`. */
export function schemaVersion(
  columns: readonly Column[],
  key: readonly string[],
  more: readonly string[],
): string {
  const facts = columns.map(({ name, type, nullable }) => [
    name,
    Object.entries(type).sort(([left], [right]) => (left < right ? -1 : 1)),
    nullable,
  ]);
  return createHash('sha256')
    .update(JSON.stringify([facts, key, more]))
    .digest('hex')
    .slice(0, 12);
}
