import { rejectedRows } from '../sink-errors.ts';
import type { SinkColumn, SinkTable } from '../sink-table.ts';
import { bytesAsText, textOfBytes } from './byte-text.ts';
import { readJsonObject } from './json-object.ts';
import { isSmallInteger, scalarForm } from './scalar-form.ts';
import type { ValueForm } from './value-form.ts';

/** The script finds the version at this place, without parsing: write-script.ts. */
const head = '{"_version":"';
const number = /^-?\d+(\.\d+)?(e[-+]?\d+)?$/;

type Token = 'number' | 'string' | 'raw';

/** One JSON object. */
export function jsonForm(table: SinkTable): ValueForm {
  const { columns, source } = table;
  const tokens = columns.map(tokenOf);
  const starts = columns.map(({ name }) => `,${JSON.stringify(bytesAsText(name))}:`);
  const render = (text: string, at: number): string => {
    const token = tokens[at] as Token;
    if (token === 'raw') return validJson(text, source, columns[at]?.name);
    return token === 'number' && number.test(text) ? text : JSON.stringify(text);
  };
  return {
    kind: 'string',
    version: 'head',
    columns: new Set(columns.map(({ name }) => name)),
    formOf: (column) => `${tokenOf(column)} ${scalarForm(column.type)}`,
    write(texts, version) {
      let json = `${head}${version}"`;
      for (let at = 0; at < starts.length; at++) {
        const text = texts[at] ?? null;
        // The null of a JSON column is a document of its own.
        if (text === null && tokens[at] === 'raw') continue;
        json += (starts[at] as string) + (text === null ? 'null' : render(text, at));
      }
      return [`${json}}`];
    },
    read([json = '']) {
      const members = json.startsWith(head) ? readJsonObject(json) : undefined;
      if (members === undefined) return undefined;
      const texts = columns.map(({ name }, at): [string, string | null] => {
        const token = members.get(bytesAsText(name));
        if (token === undefined) return [name, null];
        if (token === 'null' && tokens[at] !== 'raw') return [name, null];
        return [name, token.startsWith('"') && tokens[at] !== 'raw' ? JSON.parse(token) : token];
      });
      const version = JSON.parse(members.get('_version') ?? '""');
      return { texts: new Map(texts), version };
    },
  };
}

function tokenOf({ type }: SinkColumn): Token {
  if (type.kind === 'json') return 'raw';
  return type.kind === 'float' || isSmallInteger(type) ? 'number' : 'string';
}

function validJson(text: string, table: string, column: string | undefined): string {
  try {
    JSON.parse(text);
    return text;
  } catch (error) {
    const start = textOfBytes(text.slice(0, 20));
    throw rejectedRows(table, `column ${column} is no JSON: ${start}`, error);
  }
}
