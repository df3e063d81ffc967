import type { MessageFormat } from '../../change/message-layout.ts';
import { parseObject } from './json-object.ts';

const tableField = Buffer.from('"table":"');
const databaseField = Buffer.from('"database":"');
const sourceDatabaseField = Buffer.from('"db":"');
const sourceSchemaField = Buffer.from('"schema":"');
const quote = 0x22;
const backslash = 0x5c;

/**
 * `database.table` that a message of a tool names; PostgreSQL's schema stands for the database. Looks
 * for the bytes of the fields, which is all it takes unless a column has the same name; then the message
 * is parsed. Undefined when it names none.
 */
export function tableNameIn(value: Buffer, format: MessageFormat): string | undefined {
  const table = onlyText(value, tableField);
  if (table !== undefined) {
    if (format !== 'debezium') {
      const database = onlyText(value, databaseField);
      if (database !== undefined) return `${database}.${table}`;
    } else if (!value.includes(sourceSchemaField)) {
      const database = onlyText(value, sourceDatabaseField);
      if (database !== undefined) return `${database}.${table}`;
    } else {
      const schema = onlyText(value, sourceSchemaField);
      if (schema !== undefined) return `${schema}.${table}`;
    }
  }
  return parsedTableName(value, format);
}

function parsedTableName(value: Buffer, format: MessageFormat): string | undefined {
  const message = parseObject(value);
  const place = format === 'debezium' ? message?.['source'] : message;
  const { database, db, schema, table } = (place ?? {}) as Readonly<Record<string, unknown>>;
  const first = format === 'debezium' ? (schema ?? db) : database;
  return typeof first === 'string' && typeof table === 'string' ? `${first}.${table}` : undefined;
}

/** The text after `field` when it stands there once and needs no unescaping. */
function onlyText(value: Buffer, field: Buffer): string | undefined {
  const at = value.indexOf(field);
  if (at < 0) return undefined;
  const start = at + field.length;
  const end = value.indexOf(quote, start);
  if (end < 0 || value.indexOf(field, end) >= 0) return undefined;
  for (let next = start; next < end; next++) if (value[next] === backslash) return undefined;
  return value.toString('utf8', start, end);
}
