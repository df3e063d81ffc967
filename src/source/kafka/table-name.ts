import type { MessageFormat } from '../../change/message-layout.ts';
import { asObject, parseObject } from './json-object.ts';
import { standsAt } from './schema-bytes.ts';

/**
 * `database.table` that a message of a tool names; PostgreSQL's schema stands for the database. Looks
 * where the tool itself writes it; a message in another order, or with a column of that name in the way,
 * is parsed. Undefined when it names none.
 */
export function tableNameIn(value: Buffer, format: MessageFormat): string | undefined {
  return quickly[format](value) ?? parsedTableName(value, format);
}

const quickly: Readonly<Record<MessageFormat, (value: Buffer) => string | undefined>> = {
  maxwell: maxwellName,
  canal: canalName,
  debezium: debeziumName,
  json: () => undefined,
};

const quote = 0x22;
const backslash = 0x5c;
const closingBrace = 0x7d;
const maxwellStart = Buffer.from('{"database":"');
const maxwellTable = Buffer.from('","table":"');
const databaseField = Buffer.from('"database":"');
const tableField = Buffer.from('"table":"');
const afterCanalDatabase = Buffer.from('","es":');
const afterCanalTable = Buffer.from('","ts":');
const sourceStart = Buffer.from('"source":{');
const sourceDatabase = Buffer.from('"db":"');
const sourceSchema = Buffer.from('"schema":"');

/** `{"database":"shop","table":"orders",...` */
function maxwellName(value: Buffer): string | undefined {
  if (!standsAt(value, maxwellStart, 0)) return undefined;
  const database = textAt(value, maxwellStart.length);
  if (database === undefined || !standsAt(value, maxwellTable, database.end)) return undefined;
  const table = textAt(value, database.end + maxwellTable.length);
  return table && `${database.text}.${table.text}`;
}

/** `...,"database":"shop","es":1,...,"table":"orders","ts":1,...`; values of columns are texts. */
function canalName(value: Buffer): string | undefined {
  const table = textAfter(value, tableField);
  if (table === undefined || !isNumberAfter(value, table.end, afterCanalTable)) return undefined;
  const database = textAfter(value, databaseField);
  if (database === undefined || !isNumberAfter(value, database.end, afterCanalDatabase)) {
    return undefined;
  }
  return `${database.text}.${table.text}`;
}

/** `...,"source":{...,"db":"shop",...,"table":"orders",...},...`: behind the rows, and flat. */
function debeziumName(value: Buffer): string | undefined {
  const at = value.lastIndexOf(sourceStart);
  const end = value.indexOf(closingBrace, at);
  if (at < 0 || end < 0) return undefined;
  const source = value.subarray(at, end);
  const table = textAfter(source, tableField);
  const first = textAfter(source, sourceSchema) ?? textAfter(source, sourceDatabase);
  return table && first && `${first.text}.${table.text}`;
}

function parsedTableName(value: Buffer, format: MessageFormat): string | undefined {
  const message = parseObject(value);
  const place = format === 'debezium' ? asObject(message?.['source']) : message;
  const { database, db, schema, table } = place ?? {};
  const first = format === 'debezium' ? (schema ?? db) : database;
  return typeof first === 'string' && typeof table === 'string' ? `${first}.${table}` : undefined;
}

interface Text {
  readonly text: string;
  /** Where its closing quote stands. */
  readonly end: number;
}

/** The text that begins at `start`, unless it needs unescaping. */
function textAt(value: Buffer, start: number): Text | undefined {
  const end = value.indexOf(quote, start);
  if (end < 0) return undefined;
  for (let next = start; next < end; next++) if (value[next] === backslash) return undefined;
  return { text: value.toString('utf8', start, end), end };
}

/** The text after the last `field`. */
function textAfter(value: Buffer, field: Buffer): Text | undefined {
  const at = value.lastIndexOf(field);
  return at < 0 ? undefined : textAt(value, at + field.length);
}

function isNumberAfter(value: Buffer, at: number, between: Buffer): boolean {
  const digit = value[at + between.length] ?? 0;
  return standsAt(value, between, at) && digit >= 0x30 && digit <= 0x39;
}
