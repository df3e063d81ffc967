import { setTimeout as delay } from 'node:timers/promises';
import PQueue from 'p-queue';
import { comparePositions, type Position, renderPosition } from '../change/position.ts';
import type { TableId } from '../change/table-id.ts';
import { parseTablePatterns } from '../change/table-pattern.ts';
import type { TableSchema } from '../change/table-schema.ts';
import type { ProjectConfig } from '../config/project-config.ts';
import { CdcError } from '../errors.ts';
import { MysqlTextReader } from '../source/mysql/mysql-text-reader.ts';
import type { MysqlSourceOptions } from '../source/mysql/options.ts';
import {
  type StoppedTable,
  snapshotPrefix,
  stoppedPrefix,
  streamCheckpoint,
  type TableSnapshot,
} from './capture-state.ts';
import { openRouter } from './open-router.ts';
import { readingOf, routedTables, sourceSchemas } from './routed-tables.ts';
import { parseMark } from './settled-tables.ts';
import { noteVerified } from './verified-through.ts';
import { notComparable, routedRows } from './verify-routed-rows.ts';
import type { TableVerifier } from './verify-rows.ts';
import { type TableVerification, verifyTable } from './verify-table.ts';
import type { VerifyWork } from './verify-work.ts';
import { type Cut, cutKey, settledPrefix } from './warehouse.ts';

/** Verified at once: a table spends most of its time waiting until ODS has passed what was read of it. */
const parallelTables = 4;

export interface VerifiedTables {
  readonly tables: readonly TableVerification[];
  /** Tables that cannot be compared, and why. */
  readonly notVerified: readonly NotVerified[];
  /** Tables that are stopped and so cannot agree. */
  readonly stopped: readonly StoppedTable[];
}

interface NotVerified {
  readonly table: TableId;
  readonly reason: string;
}

export interface VerifyTablesOptions {
  readonly signal: AbortSignal;
  /** Of a captured table, by its name in the source and in the warehouse; all when absent. */
  readonly wants?: (table: TableId, target: TableId) => boolean;
  readonly onTable?: (table: TableId, done: number, total: number) => void;
}

/** Captured tables that are wanted, in the order of their names. */
export function wantedTables(
  config: ProjectConfig,
  { log }: VerifyWork,
  wants: VerifyTablesOptions['wants'],
): TableSchema[] {
  const router = openRouter(config);
  const stopped = log.checkpoints<StoppedTable>(stoppedPrefix);
  return [...sourceSchemas(log).values()]
    .filter(({ table }) => wants?.(table, router.tableOf(table)) ?? true)
    .filter(({ table }) => !stopped.has(stoppedPrefix + table))
    .sort((left, right) => left.table.localeCompare(right.table));
}

/** Proves source = ODS table by table, while both go on. */
export async function verifyTables(
  config: ProjectConfig,
  work: VerifyWork,
  options: VerifyTablesOptions,
): Promise<VerifiedTables> {
  const { log, catalog } = work;
  const { wants, onTable } = options;
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  const router = openRouter(config);
  const schemas = wantedTables(config, work, wants);
  const epoch = log.checkpoint<Position>(streamCheckpoint)?.epoch ?? 0;
  const mysql = assertComparable(config);
  // Each adds to what the one before has written.
  const noting = new PQueue({ concurrency: 1 });
  const verifyOne = async (schema: TableSchema): Promise<TableVerification | NotVerified> => {
    const { table } = schema;
    const reason =
      notComparable(router, schema) ?? (await awaitSettled(config, work, schema, signal));
    if (reason !== undefined) return { table, reason };
    const cut = catalog.get<Cut>(cutKey);
    await using source = await MysqlTextReader.open(mysql, epoch);
    const found = await verifyTable(verifierOf(config, work, { source, schema, signal }));
    if (cut === undefined || found.moving > 0) return found;
    const { rows, differences, unlooked = 0 } = found;
    const keys = differences.map(({ key }) => key);
    const total = differences.length + unlooked;
    const place = { position: renderPosition(cut.position), at: new Date().toISOString() };
    const outcome = { name: table, ...place, rows, differences: total, keys };
    await noting.add(() => noteVerified(catalog, [outcome]));
    return found;
  };
  const queue = new PQueue({ concurrency: parallelTables });
  const verified = await queue
    .addAll(
      schemas.map((schema, index) => async () => {
        onTable?.(schema.table, index, schemas.length);
        return verifyOne(schema);
      }),
    )
    .catch(async (error: unknown) => {
      stop.abort();
      queue.clear();
      await queue.onIdle();
      throw error;
    });
  const tables = verified.filter((each): each is TableVerification => !('reason' in each));
  const notVerified = verified.filter((each): each is NotVerified => 'reason' in each);
  const stopped = [...log.checkpoints<StoppedTable>(stoppedPrefix).values()];
  return { tables, notVerified, stopped };
}

/** Topics say what changed, not what is: there is nothing to compare a table with. */
export function assertComparable({ name, source }: ProjectConfig): MysqlSourceOptions {
  if (source.type === 'mysql') return source;
  throw new CdcError(
    'CDC_USAGE',
    `Verifying ${name}: its source is topics, which hold no tables.`,
    {
      remedy: 'Compare the tables with the database that the topics come from, by `cdc query`.',
    },
  );
}

/**
 * Waits until a published cut holds the table as its last snapshot and the rules of today made it; or says
 * why there will be none.
 */
async function awaitSettled(
  config: ProjectConfig,
  { isAlone, log, catalog }: VerifyWork,
  source: TableSchema,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { table } = source;
  const router = openRouter(config);
  const target = router.tableOf(table);
  const captured = parseTablePatterns(assertComparable(config).tables);
  if (!captured.matches(table)) return 'it is not captured any more';
  for (;;) {
    if (log.checkpoint(stoppedPrefix + table) !== undefined) return 'it has stopped meanwhile';
    const isOutdated = routedTables(log).get(table)?.rules !== router.rulesOf(source);
    if (isOutdated && !isAlone) return 'its rules have changed; start cdc run again to follow them';
    const snapshot = log.checkpoint<TableSnapshot>(snapshotPrefix + table);
    const mark = catalog.get<string>(settledPrefix + target);
    const isSettled =
      !isOutdated &&
      snapshot?.done === true &&
      new Map(mark === undefined ? [] : parseMark(target, mark)).get(table) ===
        readingOf(log, table, snapshot.firstVersion);
    if (isSettled) return undefined;
    await delay(20, undefined, { signal });
  }
}

function verifierOf(
  config: ProjectConfig,
  { log, catalog, engine, scratch }: VerifyWork,
  given: { source: MysqlTextReader; schema: TableSchema; signal: AbortSignal },
): TableVerifier {
  const { source, schema: own, signal } = given;
  const loadedPast = async (position: Position) => {
    for (;;) {
      const cut = catalog.get<Cut>(cutKey);
      if (cut !== undefined && comparePositions(cut.position, position) >= 0) return;
      await delay(20, undefined, { signal });
    }
  };
  const router = openRouter(config);
  const schema = log.schemas().get(router.tableOf(own.table));
  if (schema === undefined) {
    throw new CdcError('CDC_NOT_INITIALIZED', `Verifying ${own.table}: it has no snapshot yet.`);
  }
  const routed = router.rulesOf(own) === undefined ? undefined : routedRows(router, own, schema);
  const base = { engine, source, signal, schema, loadedPast };
  return { ...base, scratch: (purpose) => scratch.name(purpose), ...(routed && { routed }) };
}
