import { randomUUID } from 'node:crypto';
import type { CommonSinkOptions } from './common-options.ts';
import type { FeedTable } from './feed.ts';
import { columnsOf, type Place } from './place.ts';
import type { RowEngine } from './row-engine.ts';
import type { PrepareOptions, Sink } from './sink.ts';
import { incompatibleTable, sinkError } from './sink-errors.ts';
import { versionColumn } from './sink-table.ts';
import type { TablePlan } from './table-plan.ts';

export interface NextPlaceOptions {
  readonly sink: Sink;
  readonly options: CommonSinkOptions;
  readonly engine: RowEngine;
  readonly owner: string;
}

/**
 * The place to go on from, given the one the store has. A table that is new in the store, or has another form in the warehouse
 * now, is made to fit first; `isNew` says that this has to be kept even when there is no row to send.
 */
export async function nextPlace(
  plan: TablePlan,
  place: Place | undefined,
  setup: NextPlaceOptions,
): Promise<{ place: Place; isNew: boolean }> {
  const { sink, options, owner } = setup;
  const { table, feed } = plan;
  if (place === undefined) {
    await sink.prepare(table, prepareOptions(options));
    return { place: firstPlace(plan, owner), isNew: true };
  }
  if (place.owner !== owner) {
    const why = `its table ${table.target} was filled by another project, or by an earlier life of this one.`;
    throw sinkError('CDC_SINK_FOREIGN', `Filling ${options.name}`, why, { table: table.source });
  }
  const isRemade = place.generation !== feed.generation;
  const fitting = await follow(plan, place, setup);
  if (isRemade) return { place: await remade(fitting, feed, setup), isNew: true };
  if (fitting === place) return { place, isNew: false };
  if (await isFilled(place, plan, setup)) return { place: fitting, isNew: true };
  const range = { to: String(feed.readTo), withDeleted: true };
  return { place: { ...fitting, upTo: '0', range }, isNew: true };
}

export function prepareOptions({ onSchemaChange }: CommonSinkOptions): PrepareOptions {
  return { drop: onSchemaChange === 'evolve', mayAlter: true };
}

function firstPlace({ table, feed }: TablePlan, owner: string): Place {
  const { columns, key } = table;
  const { generation, position, readTo } = feed;
  return {
    ...{ owner, life: randomUUID(), generation, columns, key, position },
    upTo: '0',
    range: { to: String(readTo), withDeleted: false },
    at: new Date().toISOString(),
  };
}

/** Lets the store follow a change of columns, as far as the project file says; the same place when it stays as it is. */
async function follow(
  { table }: TablePlan,
  place: Place,
  { sink, options }: NextPlaceOptions,
): Promise<Place> {
  if (columnsOf(place) === columnsOf(table)) return place;
  const { onSchemaChange, name } = options;
  if (onSchemaChange === 'stop') {
    const why = `its columns have changed, and ${name} is to stop then.`;
    throw incompatibleTable(table.source, why);
  }
  if (onSchemaChange === 'ignore') {
    const now = new Map(table.columns.map((column) => [column.name, column.engineType]));
    const lost = place.columns.find((column) => now.get(column.name) !== column.engineType);
    if (lost === undefined) return place;
    const why = `its column ${lost.name} is gone or of another type, and ${name} is to stay as it is.`;
    throw incompatibleTable(table.source, why);
  }
  await sink.prepare(table, prepareOptions(options));
  return { ...place, columns: table.columns, key: table.key };
}

/** All rows again, and then those go that are older than all of them. */
async function remade(place: Place, feed: FeedTable, { engine }: NextPlaceOptions): Promise<Place> {
  const { generation, readTo } = feed;
  const sweepBelow = await oldestVersion(feed, engine);
  const range = { to: String(readTo), withDeleted: true, sweepBelow };
  return { ...place, generation, upTo: '0', range };
}

async function oldestVersion({ physical, readTo }: FeedTable, engine: RowEngine): Promise<string> {
  const [found] = await engine.rows<{ rows: string; oldest: string }>(
    `SELECT count() AS rows, toString(min(${versionColumn})) AS oldest FROM ${physical}`,
  );
  return Number(found?.rows ?? 0) === 0 ? String(readTo + 1n) : (found?.oldest ?? '0');
}

/** The rows that are there need not be sent again: columns have gone, or came with NULL in all of them. */
async function isFilled(
  { columns, upTo, range }: Place,
  { feed, table, values }: TablePlan,
  { engine }: NextPlaceOptions,
): Promise<boolean> {
  if (range !== undefined) return false;
  const before = new Map(columns.map(({ name, engineType }) => [name, engineType]));
  const others = table.columns.filter(({ name, engineType }) => before.get(name) !== engineType);
  if (others.some(({ name, nullable }) => before.has(name) || !nullable)) return false;
  const hasValue = others.map(({ name }) => `(${values.get(name)}) IS NOT NULL`);
  if (hasValue.length === 0) return true;
  const found = await engine.rows(
    `SELECT 1 FROM ${feed.physical} WHERE ${feed.changeColumn} <= ${upTo} AND (${hasValue.join(' OR ')}) LIMIT 1`,
  );
  return found.length === 0;
}
