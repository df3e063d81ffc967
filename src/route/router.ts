import type { ChangeBatch } from '../change/change-batch.ts';
import type { TableId } from '../change/table-id.ts';
import type { TableSchema } from '../change/table-schema.ts';

/**
 * Decides where changes go and what they hold: business and topic of each table, shards merged into
 * one table, columns dropped, renamed, masked, hashed or cut, rows left out.
 *
 * - Pure for the same rules and the same looked-up routes: a replay gives the same batches.
 * - Sections keep their order; a section may become several (rows routed by value) or none.
 * - Tables without rules pass as they are, their bytes untouched.
 */
export interface Router {
  /** What the table is after the rules: its name, columns and key. */
  schema(source: TableSchema): TableSchema;
  /** The table that `source` goes into; several sources may go into one. */
  tableOf(source: TableId): TableId;
  /**
   * The batch after the rules. `schemas` gives the source's schema of a table and version. Throws
   * CDC_ROUTE_UNMATCHED when a row matches no route and the project file says `stop`.
   */
  route(batch: ChangeBatch, schemas: SourceSchemas): ChangeBatch;
}

export type SourceSchemas = (table: TableId, version: string) => TableSchema | undefined;
