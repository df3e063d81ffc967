import type { SinkTable } from '../sink-table.ts';
import { bytesAsText } from './byte-text.ts';
import { scalarForm } from './scalar-form.ts';
import type { ValueForm } from './value-form.ts';

const versionField = '_version';

/** A field for each column that is not NULL, in the engine's own text. */
export function hashForm({ columns }: SinkTable): ValueForm {
  const fields = columns.map(({ name }) => bytesAsText(name));
  const nameOf = new Map(columns.map(({ name }, at) => [fields[at], name]));
  return {
    kind: 'hash',
    version: 'field',
    columns: new Set(columns.map(({ name }) => name)),
    formOf: ({ type }) => scalarForm(type),
    write(texts, version) {
      const values = [versionField, version];
      for (let at = 0; at < fields.length; at++) {
        const text = texts[at];
        if (text !== null && text !== undefined) values.push(fields[at] as string, text);
      }
      return values;
    },
    read(stored) {
      const texts = new Map<string, string | null>(columns.map(({ name }) => [name, null]));
      let version: string | undefined;
      for (let at = 0; at + 1 < stored.length; at += 2) {
        const name = nameOf.get(stored[at] as string);
        if (name !== undefined) texts.set(name, stored[at + 1] as string);
        else if (stored[at] === versionField) version = stored[at + 1];
      }
      return version === undefined ? undefined : { texts, version };
    },
  };
}
