import { randomUUID } from 'node:crypto';
import type { Version } from '../../change/position.ts';
import { splitTableId, type TableId } from '../../change/table-id.ts';
import { versionColumn } from '../../change/table-schema.ts';
import { quoteIdentifier } from '../../engine/sql-quote.ts';
import type { Ods, TableLoad } from '../ods.ts';
import { odsDatabase, physicalTable } from './ddl.ts';

/** What writing rows again needs of an engine; `ClickhouseEngine` fits. */
export interface ReplayEngine {
  command(
    sql: string,
    options?: { readonly params: Readonly<Record<string, unknown>> },
  ): Promise<unknown>;
  rows<T>(
    sql: string,
    options: { readonly params: Readonly<Record<string, unknown>> },
  ): Promise<T[]>;
}

/**
 * Writes rows of any schema version again into a table as it is now: first into a table of their own in
 * their own columns, by the same writer of ODS, then from there what both tables have. A column that came later
 * takes its default, as it did in the rows that were there when it came. Rows older than `since` are left
 * out. One replay at a time.
 */
export async function replayRows(
  parts: { readonly engine: ReplayEngine; readonly ods: Ods },
  load: Omit<TableLoad, 'token'>,
  since: Version,
): Promise<void> {
  const { engine, ods } = parts;
  const { table } = load.schema;
  const scratch = `${table}~replay`;
  const schema = { ...load.schema, table: scratch };
  try {
    await ods.applySchema({
      kind: 'schema',
      table: scratch,
      schema,
      existingRows: 'resnapshot',
      version: 0n,
    });
    await ods.write({ ...load, schema, lettersOf: table, token: randomUUID() });
    const columns = await commonColumns(engine, table, scratch);
    const names = columns.map(quoteIdentifier).join(', ');
    await engine.command(
      `INSERT INTO ${physicalTable(table)} (${names}) SELECT ${names} FROM ${physicalTable(scratch)} ` +
        `WHERE ${versionColumn} >= {since:UInt64}`,
      { params: { since: since.toString() } },
    );
  } finally {
    const { database, table: view } = splitTableId(scratch);
    await engine.command(
      `DROP VIEW IF EXISTS ${quoteIdentifier(database)}.${quoteIdentifier(view)}`,
    );
    await engine.command(`DROP TABLE IF EXISTS ${physicalTable(scratch)} SYNC`);
  }
}

async function commonColumns(
  engine: ReplayEngine,
  table: TableId,
  scratch: TableId,
): Promise<string[]> {
  const found = await engine.rows<{ name: string }>(
    'SELECT name FROM system.columns WHERE database = {database:String} ' +
      "AND table IN {tables:Array(String)} AND default_kind NOT IN ('ALIAS', 'MATERIALIZED') " +
      'GROUP BY name HAVING count() = 2 ORDER BY min(position)',
    { params: { database: odsDatabase, tables: [table, scratch] } },
  );
  return found.map(({ name }) => name);
}
