import { hiveName, ownColumns, quoteName, quoteText } from './hive-names.ts';
import type { BegunPart, Partition, StateColumn, TablePart, TableState } from './table-state.ts';

/** Where the tables of one warehouse table are in Hive. */
export interface HivePlace {
  readonly database: string;
  readonly target: string;
}

type Shape = Pick<TableState, 'key' | 'columns' | 'partition' | 'parts'>;

const { version, deleted, batch, loaded, rank, newest } = ownColumns;

/** Columns of every part after the table's own, with their types. */
export const ownTypes: readonly StateColumn[] = [
  { name: version, type: 'BIGINT' },
  { name: deleted, type: 'TINYINT' },
  { name: batch, type: 'BIGINT' },
  { name: loaded, type: 'STRING' },
];

export function viewOf({ database, target }: HivePlace): string {
  return `${quoteName(database)}.${quoteName(target)}`;
}

/** Two underscores: Hive's people see at once that it is not for them. */
export function partTable({ database, target }: HivePlace, { id, kind }: BegunPart): string {
  return `${quoteName(database)}.${quoteName(`${target}__${kind}_${id}`)}`;
}

/** The statement that makes the view show what the parts hold; readers see the former rows until it is done, then these. */
export function createView(place: HivePlace, state: Shape & Pick<TableState, 'comment'>): string {
  const columns = [...state.columns, { name: version, type: 'BIGINT' }, ...partitionColumn(state)];
  const names = columns.map((column) => quoteName(column.name) + renderComment(column.comment));
  return (
    `CREATE OR REPLACE VIEW ${viewOf(place)} (${names.join(', ')})${renderComment(state.comment)} AS ` +
    `SELECT ${columns.map(({ name }) => quoteName(name)).join(', ')} ` +
    `FROM (${mergedRows(place, state)}) \`m\` WHERE ${quoteName(deleted)} = 0`
  );
}

/**
 * The newest row of each key of all parts, deletions included: the view's columns, ours, and the partition's.
 *
 *     base  ── without the keys that the deltas have in the same or a newer version ──┐
 *     deltas ── newest of each key ── unless the base has a newer one ────────────────┴─> rows
 *
 * So no row of the base is sorted, a filter on the partition reads only those partitions of the base, and a row whose
 * date has changed is found by its key, wherever it was. The price: keys and versions of the base are read a second time.
 * `partitions`: only those of the base.
 */
export function mergedRows(place: HivePlace, state: Shape, partitions?: readonly string[]): string {
  const all = rowColumns(state);
  const base = state.parts.find(({ kind }) => kind === 'base');
  const deltas = deltaRows(place, state);
  const newestOfDeltas = newestDeltas(state, deltas);
  const columnsOf = (alias: string) => all.map((name) => `${alias}.${quoteName(name)}`).join(', ');
  if (base === undefined) {
    return `SELECT ${columnsOf('`t`')} FROM (${newestOfDeltas}) \`t\` WHERE \`t\`.${quoteName(rank)} = 1`;
  }
  const keys = state.key.map(quoteName).join(', ');
  const touched =
    `SELECT ${keys}, MAX(${quoteName(version)}) AS ${quoteName(newest)} ` +
    `FROM (${deltas}) \`x\` GROUP BY ${keys}`;
  const only =
    partitions === undefined || state.partition === undefined
      ? ''
      : ` AND \`b\`.${quoteName(state.partition.name)} IN (${partitions.map(quoteText).join(', ')})`;
  const kept =
    `SELECT ${columnsOf('`b`')} FROM (${partRows(place, state, base)}) \`b\` ` +
    `LEFT JOIN (${touched}) \`d\` ON ${equalKeys(state, '`b`', '`d`')} ` +
    `WHERE (\`d\`.${quoteName(newest)} IS NULL OR \`b\`.${quoteName(version)} > \`d\`.${quoteName(newest)})${only}`;
  const known =
    `SELECT ${keys}, ${quoteName(version)} AS ${quoteName(newest)} ` +
    `FROM (${partRows(place, state, base)}) \`k\``;
  const written =
    `SELECT ${columnsOf('`t`')} FROM (${newestOfDeltas}) \`t\` ` +
    `LEFT JOIN (${known}) \`n\` ON ${equalKeys(state, '`t`', '`n`')} ` +
    `WHERE \`t\`.${quoteName(rank)} = 1 AND ` +
    `(\`n\`.${quoteName(newest)} IS NULL OR \`n\`.${quoteName(newest)} <= \`t\`.${quoteName(version)})`;
  return `${kept} UNION ALL ${written}`;
}

/** The newest row of each key of the deltas alone, for one delta in place of many. */
export function mergedDeltas(place: HivePlace, state: Shape): string {
  const columns = rowColumns({ ...state, partition: undefined });
  const rows = newestDeltas(state, deltaRows(place, state));
  return (
    `SELECT ${columns.map((name) => `\`t\`.${quoteName(name)}`).join(', ')} ` +
    `FROM (${rows}) \`t\` WHERE \`t\`.${quoteName(rank)} = 1`
  );
}

/** Partitions of the base that hold, or are to hold, a row of a key that the deltas have; column `p`. */
export function touchedPartitions(
  place: HivePlace,
  state: Shape & { partition: Partition },
): string {
  const base = state.parts.find(({ kind }) => kind === 'base');
  const deltas = deltaRows(place, state);
  const column = quoteName(state.partition.name);
  const coming = `SELECT ${column} AS \`p\` FROM (${deltas}) \`t\``;
  if (base === undefined) return `SELECT DISTINCT \`p\` FROM (${coming}) \`u\``;
  const left =
    `SELECT \`b\`.${column} AS \`p\` FROM (${partRows(place, state, base)}) \`b\` ` +
    `LEFT SEMI JOIN (${deltas}) \`d\` ON ${equalKeys(state, '`b`', '`d`')}`;
  return `SELECT DISTINCT \`p\` FROM (${coming} UNION ALL ${left}) \`u\``;
}

/** Names of the columns of merged rows, in order. */
export function rowColumns({
  columns,
  partition,
}: Omit<Shape, 'partition'> & { partition?: Partition | undefined }): string[] {
  return [
    ...columns.map(({ name }) => name),
    ...ownTypes.map(({ name }) => name),
    ...partitionColumn({ partition }).map(({ name }) => name),
  ];
}

function newestDeltas(state: Shape, deltas: string): string {
  const keys = state.key.map(quoteName).join(', ');
  return (
    `SELECT \`x\`.*, ROW_NUMBER() OVER (PARTITION BY ${keys} ` +
    `ORDER BY ${quoteName(version)} DESC, ${quoteName(batch)} DESC) AS ${quoteName(rank)} FROM (${deltas}) \`x\``
  );
}

function deltaRows(place: HivePlace, state: Shape): string {
  const deltas = state.parts.filter(({ kind }) => kind === 'delta');
  return deltas.map((part) => partRows(place, state, part)).join(' UNION ALL ');
}

/** The rows of a part as the view's columns would have them. */
function partRows(place: HivePlace, state: Shape, part: TablePart): string {
  const types = new Map(part.columns.map(({ name, type }) => [name, type]));
  const items = state.columns.map(({ name, type }) => {
    const found = types.get(name);
    if (found === type) return quoteName(name);
    return `CAST(${found === undefined ? 'NULL' : quoteName(name)} AS ${type}) AS ${quoteName(name)}`;
  });
  const own = ownTypes.map(({ name }) => quoteName(name));
  const { partition } = state;
  const folder = partition === undefined ? [] : [partitionValue(partition, part, types)];
  const where = part.below === undefined ? '' : ` WHERE ${quoteName(version)} >= ${part.below}`;
  return `SELECT ${[...items, ...own, ...folder].join(', ')} FROM ${partTable(place, part)}${where}`;
}

function partitionValue(
  partition: Partition,
  part: TablePart,
  types: ReadonlyMap<string, string>,
): string {
  const name = quoteName(partition.name);
  if (isSamePartition(part.partition, partition)) return name;
  const { column } = partition;
  const isThere = column === undefined || types.has(hiveName(column));
  const value = column === undefined ? quoteName(loaded) : quoteName(hiveName(column));
  return `${isThere ? renderPartition(`CAST(${value} AS STRING)`, partition.by) : "'none'"} AS ${name}`;
}

/** Text of a date or of anything else -> name of its partition: `2026-11-21`, `2026-11-21-10`. */
function renderPartition(text: string, by: Partition['by']): string {
  const parts = {
    value: text,
    year: `SUBSTR(${text}, 1, 4)`,
    month: `SUBSTR(${text}, 1, 7)`,
    day: `SUBSTR(${text}, 1, 10)`,
    hour: `CONCAT(SUBSTR(${text}, 1, 10), '-', SUBSTR(CONCAT(${text}, ' 00'), 12, 2))`,
  };
  // Hive has one partition of its own for NULL and for ''.
  return `IF(${text} IS NULL OR ${text} = '', 'none', ${parts[by]})`;
}

export function isSamePartition(a: Partition | undefined, b: Partition | undefined): boolean {
  return a?.name === b?.name && a?.column === b?.column && a?.by === b?.by;
}

function partitionColumn({ partition }: { partition?: Partition | undefined }): StateColumn[] {
  return partition === undefined ? [] : [{ name: partition.name, type: 'STRING' }];
}

function equalKeys({ key }: Shape, left: string, right: string): string {
  return key
    .map((name) => `${left}.${quoteName(name)} = ${right}.${quoteName(name)}`)
    .join(' AND ');
}

function renderComment(comment: string | undefined): string {
  return comment === undefined || comment === '' ? '' : ` COMMENT ${quoteText(comment)}`;
}
