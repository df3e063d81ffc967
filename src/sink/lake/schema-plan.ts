import { versionColumn } from '../../change/table-schema.ts';
import type { SinkTable } from '../sink-table.ts';
import type { LakeColumn, LakeSchema } from './table-format.ts';
import { isLakeWidening, type LakeTypeMap } from './type-map.ts';

export interface SchemaPlan {
  readonly schema: LakeSchema;
  /** What changes, for people; none: the table fits. */
  readonly steps: readonly string[];
  /** Data files have to be written anew: they hold other types, or values of columns that are gone. */
  readonly rewrites: boolean;
  /** Columns that begin without values although data files have some under their names. */
  readonly renewed: ReadonlySet<string>;
}

/** Ids of `_version`, and of `_deleted`, which no schema shows; those of a table's own columns follow. */
export const versionId = 1;
export const deletedId = 2;

/** What has to change so that the rows of `table` can go in; a text: why they cannot. */
export function planSchema(
  before: LakeSchema | undefined,
  table: SinkTable,
  types: LakeTypeMap,
  { drop }: { readonly drop: boolean },
): SchemaPlan | string {
  if (before === undefined) return newTable(table, types);
  if (before.key.join('\n') !== table.key.join('\n')) {
    return `its key is ${before.key.join(', ')} in the lake and ${table.key.join(', ')} now.`;
  }
  if (before.source !== table.source) {
    return `the folder ${table.target} holds ${before.source}.`;
  }
  const known = new Map(before.columns.map((column) => [column.name, column]));
  const steps: string[] = [];
  const renewed = new Set<string>();
  let rewrites = false;
  let { lastId } = before;
  const columns: LakeColumn[] = [];
  for (const column of table.columns) {
    const old = known.get(column.name);
    known.delete(column.name);
    const type = types.lakeType(column);
    const comment = column.comment === undefined ? {} : { comment: column.comment };
    if (old === undefined) {
      lastId += 1;
      columns.push({ id: lastId, name: column.name, type, ...comment });
      steps.push(`add column ${column.name} ${type}`);
      if (before.dropped.includes(column.name)) renewed.add(column.name);
    } else if (old.type === type) {
      columns.push(old);
    } else if (isLakeWidening(old.type, type)) {
      columns.push({ ...old, type });
      steps.push(`widen column ${column.name} from ${old.type} to ${type}, writing all files anew`);
      rewrites = true;
    } else if (!isLakeWidening(type, old.type)) {
      return `column ${column.name} is ${old.type} in the lake, and not every ${type} is one.`;
    } else {
      // What comes fits into what is there.
      columns.push(old);
    }
  }
  const gone = [...known.values()];
  if (drop) steps.push(...gone.map(({ name }) => `drop column ${name}`));
  else columns.push(...gone);
  rewrites ||= renewed.size > 0;
  const dropped = [
    ...(rewrites ? [] : before.dropped),
    ...(drop ? gone.map(({ name }) => name) : []),
  ];
  return { schema: { ...before, columns, lastId, dropped }, steps, rewrites, renewed };
}

function newTable(table: SinkTable, types: LakeTypeMap): SchemaPlan | string {
  const clash = table.columns.find(({ name }) => name === versionColumn || name === '_deleted');
  if (clash !== undefined) return `a column is called ${clash.name}, which cdc uses for itself.`;
  const columns = table.columns.map((column, index) => ({
    id: deletedId + 1 + index,
    name: column.name,
    type: types.lakeType(column),
    ...(column.comment !== undefined && { comment: column.comment }),
  }));
  const { source, key, comment } = table;
  const schema = {
    source,
    key,
    columns,
    lastId: deletedId + columns.length,
    dropped: [],
    ...(comment !== undefined && { comment }),
  };
  const list = columns.map(({ name, type }) => `${name} ${type}`).join(', ');
  const steps = [`create table ${table.target} (${list}), key ${key.join(', ')}`];
  return { schema, steps, rewrites: false, renewed: new Set() };
}
