import type { SinkTable } from '../sink-table.ts';
import type { Session } from './session-pool.ts';
import { quoteName } from './sql-text.ts';

/** A table as it is in the store. */
export interface FoundTable {
  readonly columns: ReadonlyMap<string, FoundColumn>;
  /** Column names of each unique index that a row cannot evade. */
  readonly uniqueKeys: readonly (readonly string[])[];
  readonly hasRows: boolean;
  readonly comment: string | undefined;
}

export interface FoundColumn {
  /** As `format_type` spells it. */
  readonly type: string;
  readonly isNotNull: boolean;
  /** The server fills it when nobody does. */
  readonly isFilled: boolean;
  readonly comment: string | undefined;
}

/** undefined: there is no such table. */
export async function findTable(
  session: Session,
  schema: string,
  { target }: Pick<SinkTable, 'target'>,
): Promise<FoundTable | undefined> {
  const relation = 'n.nspname = $1 AND c.relname = $2';
  const [found] = await session.rows<{ comment: string | null }>(
    `SELECT obj_description(c.oid, 'pg_class') AS comment
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE ${relation}`,
    [schema, target],
  );
  if (found === undefined) return undefined;
  const columns = await session.rows<{
    name: string;
    type: string;
    not_null: boolean;
    filled: boolean;
    comment: string | null;
  }>(
    `SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS not_null,
       a.atthasdef OR a.attidentity <> '' AS filled, col_description(c.oid, a.attnum) AS comment
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
     WHERE ${relation} ORDER BY a.attnum`,
    [schema, target],
  );
  const keys = await session.rows<{ names: string[] }>(
    `SELECT array(SELECT a.attname::text FROM unnest(i.indkey[0:i.indnkeyatts - 1]) AS k
       JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k) AS names
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_index i ON i.indrelid = c.oid
     WHERE ${relation} AND i.indisunique AND i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL`,
    [schema, target],
  );
  const [rows] = await session.rows<{ some: boolean }>(
    `SELECT EXISTS (SELECT 1 FROM ${quoteName(schema)}.${quoteName(target)}) AS some`,
  );
  return {
    columns: new Map(
      columns.map(({ name, type, not_null, filled, comment }) => [
        name,
        { type, isNotNull: not_null, isFilled: filled, comment: comment ?? undefined },
      ]),
    ),
    uniqueKeys: keys.map(({ names }) => names),
    hasRows: rows?.some === true,
    comment: found.comment ?? undefined,
  };
}
