import { incompatibleTable } from '../sink-errors.ts';
import type { SinkTable } from '../sink-table.ts';
import type { Manifest } from './manifest.ts';

/** What has to change in a manifest so that it describes the table, a sentence each. Throws CDC_SINK_INCOMPATIBLE. */
export function changesOf(
  before: Manifest | undefined,
  { source, target, key, columns }: SinkTable,
  drop: boolean,
): string[] {
  if (before === undefined) return [`create the folder of ${target}`];
  if (before.key.join('\0') !== key.join('\0')) {
    const why = `its key in the files is (${before.key.join(', ')}) and is to be (${key.join(', ')}).`;
    throw incompatibleTable(source, why);
  }
  const known = new Map(before.columns.map((column) => [column.name, column]));
  const names = new Set(columns.map(({ name }) => name));
  const gone = drop ? before.columns.filter(({ name }) => !names.has(name)) : [];
  const changed = columns.flatMap(({ name, engineType, nullable, isKey }) => {
    const column = known.get(name);
    if (column === undefined) return [`add column ${name}`];
    if (column.type === engineType && column.nullable === nullable) return [];
    // Rows of a key meet by its text, which only whole numbers keep.
    if (isKey && !(isWhole(column.type) && isWhole(engineType))) {
      const why = `its key column ${name} is ${column.type} in the files and cannot become ${engineType}.`;
      throw incompatibleTable(source, why);
    }
    return [`column ${name} is ${engineType} from now on`];
  });
  return [...changed, ...gone.map(({ name }) => `drop column ${name}`)];
}

function isWhole(type: string): boolean {
  return /^U?Int\d+$/.test(type);
}
