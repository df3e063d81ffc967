import { quoteIdentifier, quoteString } from '../../engine/sql-quote.ts';
import { layersDatabase } from '../layer-names.ts';
import type { ModelRecord } from '../layer-state.ts';
import type { SqlEngine } from '../sql-engine.ts';

/** Drops tables of versions that nobody knows: what a job had made when its process ended. */
export async function dropStrayTables(
  engine: SqlEngine,
  known: readonly ModelRecord[],
  signal: AbortSignal,
): Promise<void> {
  const storages = new Set(known.map(({ storage }) => storage));
  const rows = await engine.rows<{ name: string }>(
    `SELECT name FROM system.tables WHERE database = ${quoteString(layersDatabase)}`,
    { signal },
  );
  for (const { name } of rows) {
    const storage = /^[^#]+@\d+/.exec(name)?.[0];
    if (storage === undefined || storages.has(storage)) continue;
    const table = `${layersDatabase}.${quoteIdentifier(name)}`;
    await engine.command(`DROP TABLE IF EXISTS ${table}`, { signal });
  }
}
