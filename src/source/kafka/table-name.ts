import type { MessageFormat } from '../../change/message-layout.ts';
import { parseObject } from './json-object.ts';

const tableField = Buffer.from('"table":"');
const databaseField = Buffer.from('"database":"');
const sourceDatabaseField = Buffer.from('"db":"');
const sourceSchemaField = Buffer.from('"schema":"');
const sourceStart = Buffer.from('"source":{');
const quote = 0x22;
const backslash = 0x5c;

/**
 * `database.table` that a message of a tool names; PostgreSQL's schema stands for the database. Looks
 * for the bytes of the fields, which is all it takes unless a column has the same name; then the message
 * is parsed. Undefined when it names none.
 */
export function tableNameIn(value: Buffer, format: MessageFormat): string | undefined {
  const place = format === 'debezium' ? sourceOf(value) : value;
  const table = place && onlyText(place, tableField);
  if (place !== undefined && table !== undefined) {
    const [usual, other] =
      format === 'debezium'
        ? [sourceSchemaField, sourceDatabaseField]
        : [databaseField, databaseField];
    const first = place.includes(usual) ? onlyText(place, usual) : onlyText(place, other);
    if (first !== undefined) return `${first}.${table}`;
  }
  return parsedTableName(value, format);
}

/** Debezium writes the rows in front of it. */
function sourceOf(value: Buffer): Buffer | undefined {
  const at = value.indexOf(sourceStart);
  if (at < 0 || value.indexOf(sourceStart, at + 1) >= 0) return undefined;
  return value.subarray(at);
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
