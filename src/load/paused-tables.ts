import type { Catalog } from '../catalog/catalog.ts';
import type { TableId } from '../change/table-id.ts';
import { CdcError, type ErrorCode } from '../errors.ts';

/** A table that ODS refuses for good; its changes are passed over until it is loaded anew. */
export interface PausedTable {
  readonly table: TableId;
  readonly code: ErrorCode;
  readonly message: string;
  readonly remedy: string;
  /** ISO 8601. */
  readonly at: string;
  /** Rows passed over, those of the failed batch included; a crash may count a batch twice. */
  readonly skippedRows: number;
  /** Where in the log the pause began. */
  readonly since: number;
}

const pausedPrefix = 'load/paused/';

/** The paused tables, for `cdc status` as well as for the loader. */
export function pausedTables(catalog: Catalog): Map<TableId, PausedTable> {
  const found = catalog.entries<PausedTable>(pausedPrefix).values();
  return new Map([...found].map((paused) => [paused.table, paused]));
}

/** Catalog entries that store the paused tables; undefined ends a pause. */
export function pauseKeys(
  changes: ReadonlyMap<TableId, PausedTable | undefined>,
): Record<string, PausedTable | undefined> {
  return Object.fromEntries([...changes].map(([table, paused]) => [pausedPrefix + table, paused]));
}

/** The pause an error calls for; undefined when it is not about this one table. */
export function pauseFor(
  table: TableId,
  error: unknown,
  skippedRows: number,
  since: number,
): PausedTable | undefined {
  if (!(error instanceof CdcError) || error.kind !== 'operator') return undefined;
  if (error.details['table'] !== table) return undefined;
  return {
    table,
    code: error.code,
    message: error.message,
    remedy: `Mend the cause, then load the table anew: cdc init --tables ${table}`,
    at: new Date().toISOString(),
    skippedRows,
    since,
  };
}
