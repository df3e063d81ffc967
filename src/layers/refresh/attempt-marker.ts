import { quoteString } from '../../engine/sql-quote.ts';
import { CdcError } from '../../errors.ts';
import { layersDatabase } from '../layer-names.ts';
import type { Attempt } from '../layer-state.ts';
import { buildColumn, signColumn } from '../model/relation.ts';
import type { MaintainedNode } from '../node/maintained-node.ts';
import type { SqlEngine } from '../sql-engine.ts';

/**
 * Keys and the deltas of models without readers are in the engine's memory. An engine that was killed
 * between two statements and started again answers the next one from empty tables, without an error.
 * So each attempt leaves a mark in memory at its beginning and looks for it at its end.
 */
const marker = `${layersDatabase}.\`#attempt\``;

export const createMarker = `CREATE TABLE IF NOT EXISTS ${marker} (${buildColumn} UInt64) ENGINE = Memory`;
export const clearMarker = `TRUNCATE TABLE IF EXISTS ${marker}`;

export async function setMarker(
  engine: SqlEngine,
  { build }: Attempt,
  signal: AbortSignal,
): Promise<void> {
  await engine.command(`INSERT INTO ${marker} VALUES (${build})`, { signal });
}

/**
 * By how many rows each of these nodes has grown in the attempt. Throws CDC_ENGINE_UNREACHABLE when the
 * engine has lost its memory on the way: the attempt must be repeated.
 */
export async function closeAttempt(
  engine: SqlEngine,
  { build }: Attempt,
  nodes: readonly MaintainedNode[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, number>> {
  const grown = nodes.map(
    ({ relation, tables }) =>
      `SELECT ${quoteString(relation.name)} AS node, toInt64(sum(${signColumn})) AS growth
FROM ${tables.delta} WHERE ${buildColumn} = ${build}`,
  );
  const marked = `SELECT '' AS node, toInt64(count()) AS growth FROM ${marker} WHERE ${buildColumn} = ${build}`;
  const rows = await engine.rows<{ node: string; growth: string | number }>(
    [marked, ...grown].join('\nUNION ALL '),
    { signal },
  );
  const growth = new Map(rows.map((row) => [row.node, Number(row.growth)]));
  if (growth.get('') !== 1) {
    throw new CdcError(
      'CDC_ENGINE_UNREACHABLE',
      'Refreshing the layers: the engine was started anew on the way.',
    );
  }
  return growth;
}
