import { type RowCondition, scopeOf } from '../change/change-batch.ts';
import type { TableId } from '../change/table-id.ts';
import type { TableSchema } from '../change/table-schema.ts';
import type { ChangeLog } from '../log/change-log.ts';

/**
 * What the log knows of tables that rules change, in the same commits as their schema sections: the log's
 * own schemas are those after the rules, and the source must see its own.
 */
export interface RoutedTable {
  /** The table it goes into. */
  readonly target: TableId;
  /** The rows there that come from it; absent: all. */
  readonly only?: RowCondition;
  /** Of the rules that were followed; see Router.rulesOf. */
  readonly rules: string;
}

type LogState = Pick<ChangeLog, 'checkpoint' | 'checkpoints' | 'schemas'>;

export const routedPrefix = 'route/table/';
/** Schemas of these tables as they are in the source. */
export const sourcePrefix = 'route/source/';
/** Tables that are there only because others go into them. */
export const targetPrefix = 'route/target/';

/** How often a table has been begun anew because its rules changed; by the source's names. */
export const generationPrefix = 'route/generation/';

/** By the source's names. */
export function routedTables(log: LogState): Map<TableId, RoutedTable> {
  const found = log.checkpoints<RoutedTable>(routedPrefix);
  return new Map([...found].map(([name, table]) => [name.slice(routedPrefix.length), table]));
}

/** The newest schema of each table as it is in the source. */
export function sourceSchemas(log: LogState): Map<TableId, TableSchema> {
  const schemas = log.schemas();
  for (const name of log.checkpoints(targetPrefix).keys()) {
    schemas.delete(name.slice(targetPrefix.length));
  }
  for (const [name, source] of log.checkpoints<TableSchema>(sourcePrefix)) {
    schemas.set(name.slice(sourcePrefix.length), source);
  }
  return schemas;
}

/** Names a reading of a table: the first version of its snapshot, and the rules it was read under. */
export function readingOf(log: LogState, source: TableId, firstVersion: string): string {
  const generation = log.checkpoint<number>(generationPrefix + source);
  return generation === undefined ? firstVersion : `${firstVersion}#${generation}`;
}

/** Where the rows of a table of the source are in the warehouse; equal for equal rows. */
export function scopeOfSource(source: TableId, routed: RoutedTable | undefined): string {
  return scopeOf({ table: routed?.target ?? source, only: routed?.only });
}
