import type { ChangeBatch, SweepSection } from '../change/change-batch.ts';
import { comparePositions, type Position, versionOf } from '../change/position.ts';
import type { TableId } from '../change/table-id.ts';
import type { TableSchema } from '../change/table-schema.ts';
import { CdcError } from '../errors.ts';
import type { ChangeLog } from '../log/change-log.ts';
import type { Logger } from '../ops/logger.ts';
import type { Routed, Router, RouteState } from '../route/router.ts';
import type { RoutedLog } from './routed-log.ts';
import { generationPrefix, routedTables, sourceSchemas } from './routed-tables.ts';

export interface RouteChangeContext {
  readonly log: ChangeLog;
  readonly routed: RoutedLog;
  readonly router: Router;
  readonly logger: Logger;
  /** Tables whose changes are taken in; the others stay as they are. */
  readonly captured: ReadonlySet<TableId>;
  /** Checkpoints that make a table be read again. */
  readonly rereadKeys: (tables: readonly TableId[]) => Readonly<Record<string, unknown>>;
  /** The place from which the stream goes on. */
  readonly position: Position;
  /** The place up to which the table's rows may have been read already. */
  readonly readTo: (table: TableId) => Position | undefined;
  /** A table whose rules cannot be followed. */
  readonly onRefused: (error: CdcError) => Promise<void>;
}

/**
 * Rules may have changed since the log was written: the tables concerned are begun anew under the new
 * ones, with the other shards of the tables they go into, and what they left behind is emptied.
 */
export async function followChangedRules(context: RouteChangeContext): Promise<void> {
  const { log, router, captured, logger } = context;
  const sources = [...sourceSchemas(log).values()].filter(({ table }) => captured.has(table));
  const before = routedTables(log);
  const isChanged = (source: TableSchema) =>
    before.get(source.table)?.rules !== router.rulesOf(source);
  const targets = new Set(sources.filter(isChanged).map(({ table }) => router.tableOf(table)));
  for (const target of targets) {
    const group = sources.filter(({ table }) => router.tableOf(table) === target);
    const tables = group.map(({ table }) => table);
    logger.warn({ tables, target }, 'The rules of tables have changed: they are read again.');
    await beginAnew(context, group);
  }
}

async function beginAnew(
  context: RouteChangeContext,
  group: readonly TableSchema[],
): Promise<void> {
  const { log, router, routed, rereadKeys, onRefused } = context;
  const tables = group.map(({ table }) => table);
  const emptied = tables.flatMap((table) => leftBehind(context, table));
  let accepted = group;
  for (;;) {
    const batch = batchOf(context, accepted);
    try {
      const after = router.route(batch, withoutTables(log, new Set(tables), router));
      const whole: Routed = {
        ...after,
        batch: { ...after.batch, sections: [...emptied, ...after.batch.sections] },
      };
      await routed.appendRouted(batch, whole, {
        ...rereadKeys(tables),
        ...nextGeneration(log, tables),
      });
      return;
    } catch (error) {
      const table = error instanceof CdcError ? error.details['table'] : undefined;
      if (!(error instanceof CdcError) || !accepted.some((each) => each.table === table))
        throw error;
      await onRefused(error);
      accepted = accepted.filter((each) => each.table !== table);
    }
  }
}

/** A reading under other rules is another one, also when nothing has changed in the source between them. */
function nextGeneration(log: ChangeLog, tables: readonly TableId[]): Record<string, number> {
  return Object.fromEntries(
    tables.map((table) => {
      const key = generationPrefix + table;
      return [key, (log.checkpoint<number>(key) ?? 0) + 1];
    }),
  );
}

/**
 * Sweeps the place where the table's rows were, when they go to another one now. Above every version read
 * so far: should the rows come back, rules change again, and the place is made anew.
 */
function leftBehind(
  { log, router, position, readTo }: RouteChangeContext,
  table: TableId,
): SweepSection[] {
  const before = routedTables(log).get(table);
  const target = before?.target ?? table;
  if (target === router.tableOf(table) || !log.schemas().has(target)) return [];
  const read = readTo(table);
  const isReadFurther = read !== undefined && comparePositions(read, position) > 0;
  const version = versionOf(isReadFurther ? read : position) + 1n;
  return [{ kind: 'sweep', table: target, version, ...(before?.only && { only: before.only }) }];
}

/** The tables as if they were met for the first time, and could not be known. */
function batchOf({ position }: RouteChangeContext, group: readonly TableSchema[]): ChangeBatch {
  const now = Date.now();
  const version = versionOf(position);
  return {
    origin: 'snapshot',
    sections: group.map((schema) => ({
      kind: 'schema',
      table: schema.table,
      schema,
      existingRows: 'resnapshot',
      version,
    })),
    position,
    transactions: 0,
    committedAtMs: now,
    receivedAtMs: now,
  };
}

function withoutTables(log: ChangeLog, without: ReadonlySet<TableId>, router: Router): RouteState {
  const targets = new Set([...without].map((table) => router.tableOf(table)));
  const sources = sourceSchemas(log);
  const schemas = log.schemas();
  return {
    source: (table) => (without.has(table) ? undefined : sources.get(table)),
    sources: () =>
      [...sources.values()].filter(
        ({ table }) => !without.has(table) && !targets.has(router.tableOf(table)),
      ),
    routed: (table) => (targets.has(table) ? undefined : schemas.get(table)),
    lookup: undefined,
  };
}
