import { quoteIdentifier, quoteString } from '../../engine/sql-quote.ts';
import { layersDatabase, odsDatabase } from '../layer-names.ts';
import type { Relation } from '../model/relation.ts';
import type { SqlEngine } from '../sql-engine.ts';

/** Which tables have at most `mostRows` rows (superseded ones included), from the engine's own statistics. */
export async function findSmallTables(
  engine: SqlEngine,
  mostRows: number,
  signal: AbortSignal,
): Promise<(relation: Relation) => boolean> {
  const databases = [odsDatabase, layersDatabase].map(quoteString).join(', ');
  const rows = await engine.rows<{ database: string; name: string }>(
    `SELECT database, name FROM system.tables WHERE database IN (${databases}) AND total_rows <= ${mostRows}`,
    { signal },
  );
  const small = new Set(rows.map(({ database, name }) => `${database}.${quoteIdentifier(name)}`));
  return ({ physical }) => small.has(physical);
}
