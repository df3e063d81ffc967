import { quoteIdentifier, quoteString } from '../../engine/sql-quote.ts';
import { incompatibleTable } from '../sink-errors.ts';
import { deletedColumn, type SinkColumn, type SinkTable, versionColumn } from '../sink-table.ts';
import type { TypeMap } from '../type-map.ts';
import type { ClickhouseTableSettings, ClusterOptions } from './options.ts';
import { type Place, quoted } from './place.ts';
import { storedType } from './type-map.ts';

/** Tokens remembered per table: far more batches than are ever sent again. */
const rememberedTokens = 1_000;

export interface DdlContext {
  readonly place: Place;
  readonly types: TypeMap;
  readonly cluster: ClusterOptions | undefined;
}

/** ` ON CLUSTER x`, or nothing. */
export function onCluster(cluster: ClusterOptions | undefined): string {
  return cluster === undefined ? '' : ` ON CLUSTER ${quoteIdentifier(cluster.name)}`;
}

/** Everything that a target needs which is not there yet; each may be repeated. */
export function createTarget(table: SinkTable, context: DdlContext): string[] {
  const { place, cluster } = context;
  const databases = new Set([place.local.database, place.view.database]);
  return [
    ...[...databases].map(
      (name) => `CREATE DATABASE IF NOT EXISTS ${quoteIdentifier(name)}${onCluster(cluster)}`,
    ),
    createTable(quoted(place.local), table, context),
    ...distributed(table, context),
  ];
}

/** `target` in quotes; the one that holds rows. */
export function createTable(target: string, table: SinkTable, context: DdlContext): string {
  const { cluster, types } = context;
  const settings = table.settings as ClickhouseTableSettings;
  const columns = table.columns.map((column) => defineColumn(column, types));
  const own = [`${versionColumn} UInt64`, `${deletedColumn} UInt8`];
  return [
    `CREATE TABLE IF NOT EXISTS ${target}${onCluster(cluster)}`,
    `(${[...columns, ...own].join(', ')})`,
    `ENGINE = ${engine(cluster)}`,
    ...(settings.partitionBy === undefined ? [] : [`PARTITION BY (${settings.partitionBy})`]),
    `ORDER BY (${sortingKey(table).map(quoteIdentifier).join(', ')})`,
    ...(settings.ttl === undefined ? [] : [`TTL ${settings.ttl}`]),
    ...tableSettings(settings, cluster),
    `COMMENT ${quoteString(table.comment ?? '')}`,
  ].join(' ');
}

/**
 * What is read and written on a cluster. A key always lands on the same shard, so each shard can reduce its own rows to the
 * current ones.
 */
export function distributed({ key, comment }: SinkTable, { place, cluster }: DdlContext): string[] {
  if (cluster === undefined) return [];
  const { local, whole } = place;
  const names = [cluster.name, local.database, local.table].map(quoteString).join(', ');
  const shard = `cityHash64(${key.map(quoteIdentifier).join(', ')})`;
  return [
    `CREATE OR REPLACE TABLE ${quoted(whole)}${onCluster(cluster)} AS ${quoted(local)} ` +
      `ENGINE = Distributed(${names}, ${shard}) COMMENT ${quoteString(comment ?? '')}`,
  ];
}

export function createView(columns: readonly string[], { place, cluster }: DdlContext): string {
  return (
    `CREATE OR REPLACE VIEW ${quoted(place.view)}${onCluster(cluster)} AS ` +
    `SELECT ${columns.map(quoteIdentifier).join(', ')} FROM ${quoted(place.whole)} FINAL`
  );
}

export function defineColumn(column: SinkColumn, types: TypeMap): string {
  const comment = column.comment ? ` COMMENT ${quoteString(column.comment)}` : '';
  return `${quoteIdentifier(column.name)} ${storedType(column, types)}${comment}`;
}

/** Rows meet in the order of their key, so ORDER BY is the key, in whatever order. */
function sortingKey({ source, key, settings }: SinkTable): readonly string[] {
  const { orderBy } = settings as ClickhouseTableSettings;
  if (orderBy === undefined) return key;
  if ([...orderBy].sort().join('\0') === [...key].sort().join('\0')) return orderBy;
  throw incompatibleTable(
    source,
    `orderBy is (${orderBy.join(', ')}), and the key of its rows is (${key.join(', ')}).`,
    { remedy: 'Name exactly the key columns in orderBy, in the order you want.' },
  );
}

function engine(cluster: ClusterOptions | undefined): string {
  const versions = `${versionColumn}, ${deletedColumn}`;
  if (!cluster?.replicated) return `ReplacingMergeTree(${versions})`;
  const place = [cluster.path, cluster.replica].map(quoteString).join(', ');
  return `ReplicatedReplacingMergeTree(${place}, ${versions})`;
}

function tableSettings(
  { table = {} }: ClickhouseTableSettings,
  cluster: ClusterOptions | undefined,
): string[] {
  const all = {
    // Replicated tables remember tokens anyway.
    ...(!cluster?.replicated && { non_replicated_deduplication_window: rememberedTokens }),
    ...table,
  };
  const list = Object.entries(all).map(
    ([name, value]) => `${name} = ${typeof value === 'number' ? value : quoteString(value)}`,
  );
  return list.length === 0 ? [] : [`SETTINGS ${list.join(', ')}`];
}
