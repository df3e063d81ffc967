import { incompatibleTable } from '../sink-errors.ts';
import type { ExistingColumn, ExistingTable, NamedType } from './evolve-table.ts';
import { type Place, quoted } from './place.ts';
import type { Store } from './store.ts';

type Name = Place['view'];

/** The table as it is in the store; undefined: there is none. `source` is for errors. */
export async function readTable(
  store: Store,
  place: Place,
  source: string,
): Promise<ExistingTable | undefined> {
  const about = { doing: `Reading the form of ${source}`, table: source };
  const find = async (params: Name) => {
    const [found] = await store.rows<{ comment: string; engine: string; query: string }>(
      'SELECT comment, engine, as_select AS query FROM system.tables ' +
        'WHERE database = {database:String} AND name = {table:String}',
      { ...about, params },
    );
    return found;
  };
  const view = await find(place.view);
  if (view !== undefined && !isOurs(view, place)) {
    const { database, table } = place.view;
    throw incompatibleTable(
      source,
      `the store already has a ${view.engine} named ${database}.${table} that is not of this sink.`,
      { remedy: 'Rename or drop it there, or give the table another name with `naming` or `to`.' },
    );
  }
  const local = await find(place.local);
  if (local === undefined) return undefined;
  const columns = (params: Name) =>
    store.rows<NamedType & { comment: string; isKey: number }>(
      'SELECT name, type, comment, is_in_sorting_key AS isKey FROM system.columns ' +
        'WHERE database = {database:String} AND table = {table:String} ORDER BY position',
      { ...about, params },
    );
  return {
    comment: local.comment,
    columns: (await columns(place.local)).map(
      (column): ExistingColumn => ({ ...column, isKey: Number(column.isKey) === 1 }),
    ),
    whole: await columns(place.whole),
    view: await columns(place.view),
  };
}

/** A view of ours reads the table behind it; whatever else has the name is somebody's and stays. */
function isOurs({ engine, query }: { engine: string; query: string }, place: Place): boolean {
  const { database, table } = place.whole;
  const names = [quoted(place.whole), `${database}.\`${table}\``];
  return engine === 'View' && names.some((name) => query.includes(name));
}
