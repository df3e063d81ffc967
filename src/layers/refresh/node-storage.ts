import { deletedColumn, versionColumn } from '../../change/table-schema.ts';
import { layersDatabase, nodeTables, viewName } from '../layer-names.ts';
import type { ModelRecord } from '../layer-state.ts';
import type { CompiledModel } from '../model/model-compiler.ts';
import { layerNames } from '../model/model-file.ts';
import { buildColumn, nullIsEqual, signColumn, type TypedColumn } from '../model/relation.ts';
import { settingPairs, type TableSetting } from '../model/table-settings.ts';
import {
  type KeySet,
  type MaintainedNode,
  type Omission,
  quoteColumns,
  renderInKeys,
} from '../node/maintained-node.ts';
import { quoteNames } from '../text/sql-text.ts';

/**
 * The tables behind a model, as statements. Rows carry a version that grows with every refresh:
 * `2 * build` for a row taken away, `2 * build + 1` for a row written, so that of both the row wins.
 */

/** Number of a part of the keys that one statement recomputes. */
export const partColumn = '_part';
/** Old changes are dropped by partition. */
export const buildsPerPartition = 4_096;
/** Recomputing reads single keys all over a table: with the usual 8192 rows a mark, compressed by 64 KB, each would cost as much. */
const ownSettings = {
  allow_nullable_key: '1',
  index_granularity: '256',
  min_compress_block_size: '2048',
};

export const databaseStatements: readonly string[] = [layersDatabase, ...layerNames].map(
  (name) => `CREATE DATABASE IF NOT EXISTS ${name}`,
);

/** `settings`: of the model's header. */
export function createRows(node: MaintainedNode, settings: readonly TableSetting[]): string {
  const asked = Object.fromEntries(settingPairs(settings));
  const all = Object.entries({ ...ownSettings, ...asked });
  const own = [
    ...node.columns,
    { name: versionColumn, type: 'UInt64' },
    { name: deletedColumn, type: 'UInt8' },
  ];
  const order = quoteNames(node.relation.key.map(({ name }) => name));
  return `CREATE TABLE ${node.tables.rows} (${renderColumns(own)})
ENGINE = ReplacingMergeTree(${versionColumn}, ${deletedColumn}) ORDER BY ${order === '' ? 'tuple()' : `(${order})`}
SETTINGS ${all.map(([name, value]) => `${name} = ${value}`).join(', ')}`;
}

/** Like the rows in everything, also in what has been added to them since. */
export function createShadow({ tables: { rows, shadow } }: MaintainedNode): string {
  return `CREATE TABLE ${shadow} AS ${rows}`;
}

/**
 * Old and new rows of the refreshes whose cut is not published yet. Readers need them after a crash; a
 * node without readers gets by with memory, which is much cheaper to write.
 */
export function createDelta(node: MaintainedNode, isRead: boolean): string {
  const own = [
    ...node.columns,
    { name: buildColumn, type: 'UInt64' },
    { name: signColumn, type: 'Int8' },
  ];
  const onDisk = `MergeTree PARTITION BY intDiv(${buildColumn}, ${buildsPerPartition}) ORDER BY ${buildColumn}`;
  const engine = isRead ? onDisk : 'Memory';
  return `CREATE TABLE ${node.tables.delta} (${renderColumns(own)}) ENGINE = ${engine}`;
}

/** Lost when the engine stops, which is harmless: keys are found again when a refresh is repeated. */
export function createKeys(node: MaintainedNode): string {
  const own = node.refreshKey.map(({ type }, index) => ({ name: `k${index + 1}`, type }));
  const all = [...own, { name: buildColumn, type: 'UInt64' }, { name: partColumn, type: 'UInt32' }];
  return `CREATE TABLE ${node.tables.keys} (${renderColumns(all)}) ENGINE = Memory`;
}

export function createView({ model, relation }: CompiledModel): string {
  const names = quoteNames(relation.columns.map(({ name }) => name));
  return `CREATE OR REPLACE VIEW ${viewName(model.name)} AS SELECT ${names} FROM ${relation.physical} FINAL`;
}

/** Everything a model stores, for `layers plan`. */
export function modelDdl(compiled: CompiledModel, isRead: boolean): string[] {
  const tables = compiled.nodes.flatMap((node) => {
    return [
      createRows(node, compiled.model.header.settings),
      createDelta(node, isRead || node.relation.name !== compiled.model.name),
      createKeys(node),
    ];
  });
  return [...tables, createView(compiled)];
}

/** Makes the tables of a model once more, with the rows and the changes of `record`'s: by hard links, so it takes no room. */
export function copyStorage(compiled: CompiledModel, record: ModelRecord): string[] {
  return compiled.nodes.flatMap((node) => {
    const stage = node.relation.name.slice(record.name.length);
    const old = nodeTables(record.storage, stage);
    const { rows, delta, keys } = node.tables;
    const isDurable = record.isRead || stage !== '';
    return [
      ...[rows, delta, keys].map((table) => `DROP TABLE IF EXISTS ${table}`),
      `CREATE TABLE ${rows} CLONE AS ${old.rows}`,
      isDurable ? `CREATE TABLE ${delta} CLONE AS ${old.delta}` : createDelta(node, false),
      createKeys(node),
    ];
  });
}

export function dropView(model: string): string {
  return `DROP VIEW IF EXISTS ${viewName(model)}`;
}

/** Drops the tables of one storage of a model; `nodes` are the names of its maintained tables. */
export function dropTables(stored: {
  readonly name: string;
  readonly storage: string;
  readonly nodeRows: Readonly<Record<string, number>>;
}): string[] {
  const stages = Object.keys(stored.nodeRows).map((node) => node.slice(stored.name.length));
  const tables = [...new Set(['', ...stages])].flatMap((stage) =>
    Object.values(nodeTables(stored.storage, stage)),
  );
  return tables.map((table) => `DROP TABLE IF EXISTS ${table}`);
}

/** INSERT of every row of the node as it is computed from what it reads now. */
export function fillRows(node: MaintainedNode, table: string, build: number): string {
  const names = quoteNames(node.columns.map(({ name }) => name));
  return `INSERT INTO ${table} (${names}, ${versionColumn}, ${deletedColumn})
SELECT *, ${2 * build + 1}, 0 FROM (${node.recompute(undefined)})`;
}

/** A query of the stored rows with these keys, NULL among them, for `fillDelta`. */
export function storedRows(node: MaintainedNode, keys: KeySet, omit?: Omission): string {
  const names = quoteNames(node.columns.map(({ name }) => name));
  // NULL as a value of its own, in a form that the index understands.
  const inKeys = renderInKeys(quoteColumns(node.refreshKey), keys, 'null-safe');
  const settings = omit === 'null-safe' ? '' : nullIsEqual;
  return `(SELECT ${names} FROM ${node.tables.rows} FINAL WHERE ${inKeys}${settings})`;
}

/**
 * INSERT into the delta of what differs between the stored rows (`stored` follows FROM) and the computed
 * ones (`computed` is a query); equal rows
 * cancel out, so a recompute without effect leaves nothing for the readers to do. Columns of the
 * computed side are taken by position: the engine's names for them are not always the stored ones.
 */
export function fillDelta(
  node: MaintainedNode,
  change: { stored: string; computed: string; build: number },
): string {
  const names = quoteNames(node.columns.map(({ name }) => name));
  return `INSERT INTO ${node.tables.delta} (${names}, ${buildColumn}, ${signColumn})
SELECT ${names}, ${change.build}, toInt8(sign(sum(${signColumn}))) FROM (
SELECT ${names}, toInt64(-1) AS ${signColumn} FROM ${change.stored}
UNION ALL SELECT *, toInt64(1) FROM (${change.computed})
) GROUP BY ${names} HAVING sum(${signColumn}) != 0`;
}

/** INSERT of one build's delta into the rows: what is gone as deleted, what is there as rows. */
export function applyDelta(node: MaintainedNode, build: number): string {
  const { rows, delta } = node.tables;
  const names = quoteNames(node.columns.map(({ name }) => name));
  return `INSERT INTO ${rows} (${names}, ${versionColumn}, ${deletedColumn})
SELECT ${names}, ${2 * build} + (${signColumn} > 0), ${signColumn} < 0
FROM ${delta} WHERE ${buildColumn} = ${build}`;
}

function renderColumns(columns: readonly TypedColumn[]): string {
  return columns.map(({ name, type }) => `${quoteNames([name])} ${type}`).join(', ');
}
