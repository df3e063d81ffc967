import { createHash } from 'node:crypto';
import { quoteIdentifier, quoteString } from '../../engine/sql-quote.ts';
import { CdcError } from '../../errors.ts';
import type { Logger } from '../../ops/logger.ts';
import { layersDatabase, odsDatabase } from '../layer-names.ts';
import type { Relation } from '../model/relation.ts';
import type { SqlEngine } from '../sql-engine.ts';
import { quoteColumns } from './maintained-node.ts';

/**
 * Looking for rows by something else than their key: orders by their student, stored rows by a hidden key, rows by their group.
 *
 * A table lies in the order of its key; for anything else the engine would read all of it. So large tables get a projection for
 * each lookup: the keys of the rows a second time, in the other order. The engine writes and merges it with the table, and takes
 * it by itself for a statement that asks for nothing but keys by the same expression. Nothing depends on it but time.
 */
export interface Lookup {
  readonly relation: Relation;
  /** In columns of the relation, without its alias. */
  readonly expression: string;
  /** The column that the expression is, when it is nothing else. */
  readonly column?: string;
}

/** One value for several: equal for equal ones, NULLs among them, and seldom for others. */
export function hashOf(expressions: readonly string[]): string {
  return `cityHash64(tuple(${expressions.join(', ')}))`;
}

/** The lookup by one column; undefined where the order of the table serves as well, or `text` is no column of the relation. */
export function columnLookup(relation: Relation, text: string): Lookup | undefined {
  const name = /^(?:(?:\w+|`[^`]+`)\.)?`?(\w+)`?$/.exec(text)?.[1];
  if (name === undefined || relation.key.length === 0 || relation.key[0]?.name === name) {
    return undefined;
  }
  return { relation, expression: quoteIdentifier(name), column: name };
}

/** Reading a column of fewer rows costs less than keeping a projection. */
const manyRows = 100_000;

export interface LookupSetup {
  readonly engine: SqlEngine;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** Tells the loader, which drops `_by_<column>` before it drops a column of an ODS table. */
const prefix = '_by_';

/**
 * Gives tables the projections that these lookups ask for, and takes away those that nobody asks for any more. What exists
 * already gets its part of a new one in the background. To be called once in a while: tables grow, and are made anew.
 */
export async function prepareLookups(
  lookups: readonly Lookup[],
  { engine, logger, signal }: LookupSetup,
): Promise<void> {
  const wanted = new Map<string, Map<string, Lookup>>();
  for (const lookup of lookups) {
    const { physical } = lookup.relation;
    const projections = wanted.get(physical) ?? new Map<string, Lookup>();
    wanted.set(physical, projections.set(projectionName(lookup), lookup));
  }
  for (const { table, rows, names } of await readTables(engine, signal)) {
    const projections = wanted.get(table) ?? new Map<string, Lookup>();
    const missing = rows < manyRows ? [] : [...projections].filter(([name]) => !names.has(name));
    // Other tables of the layers are old versions of models, or new ones in the making.
    const isInUse = wanted.has(table) || table.startsWith(`${odsDatabase}.`);
    const dropped = isInUse ? [...names].filter((name) => !projections.has(name)) : [];
    const statements = [
      ...dropped.map((name) => `ALTER TABLE ${table} DROP PROJECTION IF EXISTS ${name}`),
      ...(missing.length === 0 ? [] : [`ALTER TABLE ${table} MODIFY SETTING ${keepProjections}`]),
      ...missing.flatMap(([name, lookup]) => [
        `ALTER TABLE ${table} ADD PROJECTION IF NOT EXISTS ${name} (${renderProjection(lookup)})`,
        `ALTER TABLE ${table} MATERIALIZE PROJECTION ${name}`,
      ]),
    ];
    try {
      const settings = { mutations_sync: 0 };
      for (const sql of statements) await engine.command(sql, { signal, settings });
    } catch (error) {
      // Without it a refresh takes longer, and gives the same.
      if (!(error instanceof CdcError) || error.code !== 'CDC_ENGINE_REJECTED') throw error;
      logger.warn({ component: 'layers', table, error }, 'A table cannot be prepared for lookups.');
    }
  }
}

/** Merging rows of a key merges those of the projection, too. */
const keepProjections = "deduplicate_merge_projection_mode = 'rebuild'";

function projectionName({ column, expression }: Lookup): string {
  const name = column ?? createHash('sha256').update(expression).digest('hex').slice(0, 12);
  return quoteIdentifier(prefix + name);
}

function renderProjection({ relation, expression }: Lookup): string {
  const keys = quoteColumns(relation.key).filter((key) => key !== expression);
  return `SELECT ${[expression, ...keys].join(', ')} ORDER BY ${expression}`;
}

interface PreparedTable {
  readonly table: string;
  readonly rows: number;
  /** Of our projections. */
  readonly names: ReadonlySet<string>;
}

/** Everything that has a name is quoted. */
async function readTables(engine: SqlEngine, signal: AbortSignal): Promise<PreparedTable[]> {
  const databases = [odsDatabase, layersDatabase].map(quoteString).join(', ');
  const tables = await engine.rows<{
    database: string;
    name: string;
    rows: number | string;
    names: string[];
  }>(
    `SELECT database, name, ifNull(total_rows, 0) AS rows, extractAll(create_table_query, 'PROJECTION (\`?${prefix}[^ (]+)') AS names
FROM system.tables WHERE database IN (${databases}) AND engine LIKE '%ReplacingMergeTree'`,
    { signal },
  );
  return tables.map(({ database, name, rows, names }) => {
    const quoted = names.map((each) => (each.startsWith('`') ? each : quoteIdentifier(each)));
    const table = `${database}.${quoteIdentifier(name)}`;
    return { table, rows: Number(rows), names: new Set(quoted) };
  });
}
