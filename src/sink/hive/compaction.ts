import type { StoredFile } from '../lake/store/object-store.ts';
import { incompatibleTable } from '../sink-errors.ts';
import { partColumns } from './evolve.ts';
import { ownColumns, quoteName, quoteText } from './hive-names.ts';
import type { HiveTable } from './hive-table.ts';
import {
  type BegunPart,
  type Partition,
  partFolder,
  type RetiredPart,
  type TablePart,
  type TableState,
} from './table-state.ts';
import {
  isSamePartition,
  mergedDeltas,
  mergedRows,
  ownTypes,
  partTable,
  touchedPartitions,
} from './view-sql.ts';

/** Rewriting the base is worth it when the deltas have at least this part of the bytes that would be rewritten. */
const worthwhileShare = 0.25;
const partitionsPerStatement = 100;

/** Folders of a partitioned base, below the sink's folder, with their `/`; kept in a file beside it. */
type PartitionFolders = Readonly<
  Record<string, { readonly folder: string; readonly bytes: number }>
>;

/** What a compaction would do. */
interface BasePlan {
  /** Partitions to be written; undefined: all there is. */
  readonly touched: readonly string[] | undefined;
  /** Those of the old base that are taken over as they are. */
  readonly kept: PartitionFolders;
  /** Those that are replaced. */
  readonly replaced: PartitionFolders;
  readonly rewrittenBytes: number;
}

/** Files that were written since the last compaction. */
export function deltaFiles({ parts }: TableState): number {
  return parts.reduce((sum, { files }) => sum + files, 0);
}

/**
 * Makes few files of many: deltas become part of the base, or one delta while that would
 * rewrite too much. Of a partitioned base only the partitions are written that have or get a row of the deltas; the new
 * base takes the folders of the others over. Readers see one view and then the other.
 */
export async function compactTable(table: HiveTable, state: TableState): Promise<TableState> {
  const deltas = state.parts.filter(({ kind }) => kind === 'delta');
  const bytes = deltas.reduce((sum, part) => sum + part.bytes, 0);
  const plan = await planBase(table, state);
  const isWorthwhile = bytes >= plan.rewrittenBytes * worthwhileShare;
  return isWorthwhile ? writeBase(table, state, plan) : mergeDeltas(table, state);
}

async function planBase(table: HiveTable, state: TableState): Promise<BasePlan> {
  const base = state.parts.find(({ kind }) => kind === 'base');
  const { partition } = state;
  const rewrittenBytes = base?.bytes ?? 0;
  const folders = base?.partition === undefined ? {} : await readFolders(table, base);
  const all = { touched: undefined, kept: {}, replaced: folders, rewrittenBytes };
  if (base === undefined || partition === undefined) return all;
  // What is deleted by version alone may lie in any partition.
  if (!isSamePartition(base.partition, partition) || base.below !== undefined) return all;
  if (!hasSameColumns(base, state)) return all;
  const rows = await table.store.sessions.all(
    touchedPartitions(table.place, { ...state, partition }),
  );
  const touched = rows.map(([name]) => name ?? 'none');
  const split = (isTouched: boolean) =>
    Object.fromEntries(
      Object.entries(folders).filter(([name]) => touched.includes(name) === isTouched),
    );
  const replaced = split(true);
  const replacedBytes = Object.values(replaced).reduce((sum, each) => sum + each.bytes, 0);
  return { touched, kept: split(false), replaced, rewrittenBytes: replacedBytes };
}

async function writeBase(
  table: HiveTable,
  before: TableState,
  plan: BasePlan,
): Promise<TableState> {
  const { store } = table;
  const { state, parts: begun } = await table.begin(before, ['base', 'delta']);
  const [base, delta] = begun as [BegunPart, BegunPart];
  const { partition, columns } = state;
  const created = await table.createPart(base, partColumns(columns), partition);
  const empty = await table.createDelta(delta, partColumns(columns));
  await store.sessions.run(insertBase(table, state, base, plan.touched));
  const written = await listFolders(table, base, partition);
  const folders = { ...plan.kept, ...written };
  if (partition !== undefined) {
    await store.sessions.run(...addPartitions(table, base, partition, plan.kept));
    await store.files.put(foldersFile(table, base), Buffer.from(JSON.stringify(folders)));
  }
  const bytes = Object.values(folders).reduce((sum, each) => sum + each.bytes, 0);
  const retired = before.parts.map((part) => retiredPart(table, part, plan));
  return table.replaceParts(state, [{ ...created, bytes, files: 0 }, empty], retired);
}

async function mergeDeltas(table: HiveTable, before: TableState): Promise<TableState> {
  const { place, store } = table;
  const { state, parts: begun } = await table.begin(before, ['delta', 'delta']);
  const [merged, delta] = begun as [BegunPart, BegunPart];
  const created = await table.createPart(merged, partColumns(state.columns));
  const empty = await table.createDelta(delta, partColumns(state.columns));
  await store.sessions.run(
    `INSERT OVERWRITE TABLE ${partTable(place, merged)} ${mergedDeltas(place, state)}`,
  );
  const files = await dataFiles(table, merged);
  const bytes = files.reduce((sum, each) => sum + each.bytes, 0);
  const base = before.parts.filter(({ kind }) => kind === 'base');
  const deltas = before.parts.filter(({ kind }) => kind === 'delta');
  const parts = [...base, { ...created, bytes, files: files.length }, empty];
  return table.replaceParts(
    state,
    parts,
    deltas.map((part) => table.retire(part)),
  );
}

function insertBase(
  { place, store }: HiveTable,
  state: TableState,
  base: BegunPart,
  touched: readonly string[] | undefined,
): string {
  const { partition } = state;
  const names = [...state.columns, ...ownTypes].map(({ name }) => quoteName(name));
  const by = partition === undefined ? '' : ` PARTITION (${quoteName(partition.name)})`;
  const own = partition === undefined ? [] : [quoteName(partition.name)];
  const forgotten = new Date(Date.now() - store.keepDeletedMs).toISOString();
  return (
    `INSERT OVERWRITE TABLE ${partTable(place, base)}${by} SELECT ${[...names, ...own].join(', ')} ` +
    `FROM (${mergedRows(place, state, touched)}) \`m\` ` +
    `WHERE ${quoteName(ownColumns.deleted)} = 0 OR ` +
    `${quoteName(ownColumns.loaded)} >= ${quoteText(forgotten.replace('T', ' ').slice(0, 19))}`
  );
}

function addPartitions(
  table: HiveTable,
  base: BegunPart,
  partition: Partition,
  folders: PartitionFolders,
): string[] {
  const items = Object.entries(folders).map(
    ([name, { folder }]) =>
      `PARTITION (${quoteName(partition.name)}=${quoteText(name)}) LOCATION ${quoteText(table.locationOf(folder))}`,
  );
  const statements: string[] = [];
  for (let at = 0; at < items.length; at += partitionsPerStatement) {
    const some = items.slice(at, at + partitionsPerStatement).join(' ');
    statements.push(`ALTER TABLE ${partTable(table.place, base)} ADD IF NOT EXISTS ${some}`);
  }
  return statements;
}

/** Of an old base only the folders go that the new one does not use; some are still in the folder of one before it. */
function retiredPart(table: HiveTable, part: TablePart, plan: BasePlan): RetiredPart {
  const whole = table.retire(part);
  if (part.kind === 'delta') return whole;
  const replaced = Object.values(plan.replaced).map(({ folder }) => folder);
  const own = plan.touched === undefined ? whole.folders : [];
  const names = part.partition === undefined ? [] : [namesFolder(table, part)];
  return { ...whole, folders: [...own, ...replaced, ...names] };
}

function hasSameColumns(base: TablePart, { columns }: TableState): boolean {
  const of = (list: TablePart['columns']) =>
    JSON.stringify(list.map(({ name, type }) => [name, type]));
  return of(base.columns) === of(partColumns(columns));
}

/** `dt=2026-11-21`, with everything that is special in a path as %XX. */
async function listFolders(
  table: HiveTable,
  base: BegunPart,
  partition: Partition | undefined,
): Promise<PartitionFolders> {
  const folders: Record<string, { folder: string; bytes: number }> = {};
  const root = partFolder(table.place.target, base);
  for (const { name, bytes } of await dataFiles(table, base)) {
    const [first = ''] = name.slice(root.length).split('/');
    const value =
      partition === undefined ? '' : unescapePath(first.slice(partition.name.length + 1));
    const folder = partition === undefined ? root : `${root}${first}/`;
    folders[value] = { folder, bytes: (folders[value]?.bytes ?? 0) + bytes };
  }
  return folders;
}

async function dataFiles(table: HiveTable, part: BegunPart): Promise<StoredFile[]> {
  const files = await table.store.files.list(partFolder(table.place.target, part));
  return files.filter(({ name }) => !/(^|\/)[._][^/]*$/.test(name));
}

function unescapePath(text: string): string {
  return text.replace(/%([0-9A-F]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

async function readFolders(table: HiveTable, base: BegunPart): Promise<PartitionFolders> {
  const name = foldersFile(table, base);
  const text = await table.store.files.get(name);
  if (text === undefined) {
    throw incompatibleTable(table.source, `the file ${name} is missing in the store.`);
  }
  return JSON.parse(text.toString('utf8')) as PartitionFolders;
}

function foldersFile(table: HiveTable, base: BegunPart): string {
  return `${namesFolder(table, base)}folders.json`;
}

function namesFolder({ place }: HiveTable, { id }: BegunPart): string {
  return `${place.target}/_folders/${id}/`;
}
