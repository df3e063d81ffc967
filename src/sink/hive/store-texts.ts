import { nullText, separator } from '../checksum.ts';
import type { SinkTable } from '../sink-table.ts';
import { hiveName, quoteName } from './hive-names.ts';
import { hiveTypes } from './type-map.ts';

/** The canonical texts of a row of the view, in Hive's SQL, and the key and the row as checksum.ts puts them together. */
export function storeTexts({ columns, key }: SinkTable) {
  const textOf = new Map(
    columns.map((column) => {
      const name = quoteName(hiveName(column.name));
      return [column.name, hiveTypes.stored(column).canonical?.store?.(name) ?? name];
    }),
  );
  const known = (name: string) => `NVL(${textOf.get(name)}, '${escaped(nullText)}')`;
  const join = (names: readonly string[]) =>
    names.length === 1
      ? known(names[0] ?? '')
      : `CONCAT_WS('${escaped(separator)}', ${names.map(known).join(', ')})`;
  const names = columns.map(({ name }) => name);
  return { key: join(key), row: join(names), texts: [...textOf.values()] };
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
