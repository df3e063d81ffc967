import { quoteIdentifier, quoteString } from '../../engine/sql-quote.ts';
import type { TypedColumn } from '../model/relation.ts';
import { type MaintainedNode, quoteColumns, renderKeyItems } from '../node/maintained-node.ts';
import type { SqlEngine } from '../sql-engine.ts';
import { quoteNames } from '../text/sql-text.ts';
import { type ComparisonOptions, compareRows, type RowComparison } from './row-comparison.ts';

/** Keys that a statement may name; with more of them everything is recomputed, and only what differs is written. */
const mostKeys = 4_000;
const mostText = 100_000;

/** A node whose stored rows are not what it computes itself. */
export interface NodeSuspects {
  readonly comparison: RowComparison;
  /** SELECT of the refresh keys to recompute, `k1`, `k2`, ...; undefined when nothing differs. */
  readonly keys: string | undefined;
}

/**
 * Compares a node's stored rows, hidden columns too, with its own computation, and names the keys under which they differ. Says
 * nothing of whether the computation is right: that is what the user's SELECT is for.
 */
export async function suspectKeys(
  node: MaintainedNode,
  moved: (sql: string) => string,
  options: ComparisonOptions,
): Promise<NodeSuspects> {
  const names = quoteNames(node.columns.map(({ name }) => name));
  let keys: string | undefined;
  const comparison = await compareRows(
    {
      columns: node.columns,
      key: node.relation.key.map(({ name }) => name),
      stored: `SELECT ${names} FROM ${moved(node.tables.rows)} FINAL`,
      computed: moved(node.recompute(undefined)),
    },
    options,
    async (table) => {
      keys = await renderKeys(node, table, options);
    },
  );
  return { comparison, keys };
}

async function renderKeys(
  node: MaintainedNode,
  table: string,
  { engine, signal }: { engine: SqlEngine; signal: AbortSignal },
): Promise<string> {
  const { refreshKey } = node;
  if (refreshKey.length === 0) return 'SELECT 1 AS k0';
  // The comparison has rounded these.
  if (refreshKey.some(({ type }) => type.includes('Float'))) return everyKey(node);
  const texts = refreshKey.map(({ name }) => `hex(toString(${quoteIdentifier(name)}))`);
  const rows = await engine.rows<{ key: (string | null)[] }>(
    `SELECT DISTINCT [${texts.map((text) => `CAST(${text} AS Nullable(String))`).join(', ')}] AS key
FROM ${table} LIMIT ${mostKeys + 1}`,
    { signal },
  );
  const listed = namedKeys(
    refreshKey,
    rows.map(({ key }) => key),
  );
  return rows.length > mostKeys || listed.length > mostText ? everyKey(node) : listed;
}

/** The values travel as hex, so that no text of theirs becomes SQL. */
function namedKeys(key: readonly TypedColumn[], rows: readonly (string | null)[][]): string {
  const structure = key.map((_, index) => `c${index + 1} Nullable(String)`).join(', ');
  const tuples = rows.map((row) => {
    const values = row.map((hex) => (hex === null ? 'NULL' : `'${hex}'`));
    return `(${values.join(', ')})`;
  });
  const items = key.map(({ type }, index) => `CAST(unhex(c${index + 1}) AS ${type})`);
  return `SELECT ${renderKeyItems(items)} FROM values(${quoteString(structure)}, ${tuples.join(', ')})`;
}

/** Those stored and those computed. */
function everyKey(node: MaintainedNode): string {
  const items = renderKeyItems(quoteColumns(node.refreshKey));
  const names = quoteNames(node.columns.map(({ name }) => name));
  const computed = `SELECT ${names} FROM ${node.tables.rows} WHERE 0 UNION ALL SELECT * FROM (${node.recompute(undefined)})`;
  return `SELECT DISTINCT ${items} FROM ${node.tables.rows} FINAL UNION DISTINCT SELECT ${items} FROM (${computed})`;
}
