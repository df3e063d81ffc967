import { CdcError } from '../../errors.ts';
import type { DescribedMessage } from './block-schema.ts';
import { parseColumnWords } from './column-words.ts';
import { asObject, parseObject } from './json-object.ts';
import type { MessageColumn, MessageSchema } from './message-schema.ts';

/** Columns from the types that a message of Canal names in MySQL's own words. */
export function readCanalSchema(
  table: string,
  { value }: DescribedMessage,
): MessageSchema | undefined {
  const message = parseObject(value);
  const types = asObject(message?.['mysqlType']);
  if (types === undefined) return undefined;
  const names = message?.['pkNames'];
  const key = Array.isArray(names) && names.length > 0 ? names.map(String) : undefined;
  const columns = Object.entries(types).map(([name, words]) =>
    columnOf(table, name, String(words)),
  );
  return { columns, key };
}

function columnOf(table: string, name: string, words: string): MessageColumn {
  const type = parseColumnWords(words);
  if (type !== undefined) {
    return { name, type, nullable: true, sourceType: words, encoding: undefined };
  }
  throw new CdcError(
    'CDC_TYPE_UNSUPPORTED',
    `column ${name} of ${table} has the type ${words}, which cannot be represented`,
    {
      details: { table, column: name, type: words },
      remedy: `Declare columns for ${table} in source.tables of the project file.`,
    },
  );
}
