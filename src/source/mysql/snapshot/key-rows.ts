import type { RowsSection } from '../../../change/change-batch.ts';
import type { Version } from '../../../change/position.ts';
import type { Column, ColumnType, TableSchema } from '../../../change/table-schema.ts';
import { CdcError } from '../../../errors.ts';
import { ByteWriter } from '../../../lib/byte-writer.ts';
import type { MysqlSession } from '../connection.ts';
import type { SchemaReader, SourceTable } from '../schema/schema-reader.ts';
import { KeysetQuery, quoteTable } from './keyset-query.ts';
import { readBatches } from './packet-batches.ts';
import { textExpression } from './text-expression.ts';
import { TextRowEncoder } from './text-row-encoder.ts';
import type { Watermarks } from './watermark.ts';

export interface KeyRowsContext {
  /** For this reading alone. */
  readonly session: MysqlSession;
  readonly schemas: SchemaReader;
  /** The schema that the log has of the table. */
  readonly schema: TableSchema;
  readonly openWatermarks: (session: MysqlSession) => Promise<Watermarks>;
}

/**
 * Single rows as they are now, all with the same version: what the source has, and of every other key a delete, whose columns
 * beside the key are empty values. Everything that the stream has delivered is visible to the reading, so a version just above
 * the stream's place wins over every older one and loses to every change that is still to come.
 */
export async function readKeyRows(
  keys: readonly (readonly string[])[],
  version: Version,
  context: KeyRowsContext,
): Promise<RowsSection> {
  const { session, openWatermarks, schema } = context;
  const watermarks = await openWatermarks(session);
  await watermarks.begin(session);
  // The metadata lock keeps the table as it is from here to the COMMIT.
  await session.command(`SELECT 1 FROM ${quoteTable(schema.table)} LIMIT 0`);
  const table = await describe(context);
  const query = new KeysetQuery(table, textExpression);
  const rows = new KeyRows(schema, query, version);
  for await (const part of readBatches(
    session,
    query.byKeys(keys),
    rows,
    `reading ${schema.table}`,
  )) {
    if (part.last) break;
  }
  await session.command('COMMIT');
  for (const key of keys) rows.addDeleteUnlessFound(key);
  return rows.section();
}

async function describe({ session, schemas, schema }: KeyRowsContext): Promise<SourceTable> {
  const description = await schemas.describe(session, schema.table);
  if (description === undefined) {
    throw new CdcError('CDC_TABLE_NOT_FOUND', `the source has no table ${schema.table}`, {
      details: { table: schema.table },
    });
  }
  const table = schemas.toSourceTable(description);
  if (table.schema.version === schema.version) return table;
  throw new CdcError(
    'CDC_SOURCE_CONNECTION_LOST',
    `The columns of ${schema.table} have just changed; the stream has not told of it yet.`,
  );
}

/** Encodes row packets and notes whose they are. */
class KeyRows {
  readonly #schema: TableSchema;
  readonly #query: KeysetQuery;
  readonly #encoder: TextRowEncoder;
  readonly #writer = new ByteWriter();
  readonly #found = new Set<string>();
  readonly #keyColumns: readonly Column[];
  readonly #keyEncoder: TextRowEncoder;
  #rowCount = 0;

  constructor(schema: TableSchema, query: KeysetQuery, version: Version) {
    this.#schema = schema;
    this.#query = query;
    this.#encoder = new TextRowEncoder(schema);
    this.#encoder.version = version;
    this.#keyColumns = schema.key.flatMap(
      (name) => schema.columns.find((column) => column.name === name) ?? [],
    );
    this.#keyEncoder = new TextRowEncoder({ ...schema, columns: this.#keyColumns });
  }

  add(buffer: Buffer, offset: number, end: number): boolean {
    this.#found.add(this.#identity(this.#query.keyOf(buffer, offset, end)));
    this.#encoder.encode(buffer, offset, end, this.#writer);
    this.#rowCount++;
    return false;
  }

  take(): undefined {
    return undefined;
  }

  addDeleteUnlessFound(key: readonly string[]): void {
    if (this.#found.has(this.#identity(key))) return;
    const { columns, key: names } = this.#schema;
    const packet = Buffer.concat(
      columns.map((column) => {
        const at = names.indexOf(column.name);
        return at < 0 ? emptyField(column) : field(keyBytes(column.type, key[at] ?? ''));
      }),
    );
    this.add(packet, 0, packet.length);
    this.#writer.buffer[this.#writer.offset - 1] = 1;
  }

  /** The row bytes of a key: 1.5 and 1.50 are the same decimal. */
  #identity(key: readonly string[]): string {
    const packet = Buffer.concat(
      this.#keyColumns.map(({ type }, at) => field(keyBytes(type, key[at] ?? ''))),
    );
    const writer = new ByteWriter();
    this.#keyEncoder.encode(packet, 0, packet.length, writer);
    return writer.take().toString('hex');
  }

  section(): RowsSection {
    const { table, version: schemaVersion } = this.#schema;
    const rowCount = this.#rowCount;
    return { kind: 'rows', table, schemaVersion, rowCount, bytes: this.#writer.take() };
  }
}

function keyBytes(type: ColumnType, text: string): Buffer {
  if (type.kind === 'decimal') return Buffer.from(withScale(text, type.scale));
  const { kind } = type;
  return Buffer.from(text, kind === 'string' || kind === 'binary' ? 'hex' : 'latin1');
}

/** `1.5` with the two decimal places that the source writes: `1.50`. */
function withScale(text: string, scale: number): string {
  const [whole = '', fraction = ''] = text.split('.');
  return scale === 0 ? whole : `${whole}.${fraction.padEnd(scale, '0')}`;
}

function emptyField({ type, nullable }: Column): Buffer {
  return nullable ? Buffer.of(0xfb) : field(Buffer.from(emptyText(type)));
}

function emptyText(type: ColumnType): string {
  switch (type.kind) {
    case 'date':
      return '1970-01-01';
    case 'datetime':
    case 'timestamp':
      return '1970-01-01 00:00:00';
    case 'time':
      return '00:00:00';
    case 'json':
      return 'null';
    case 'string':
    case 'binary':
    case 'geometry':
      return '';
    default:
      return '0';
  }
}

/** A value as the text protocol writes it. */
function field(bytes: Buffer): Buffer {
  if (bytes.length < 0xfb) return Buffer.concat([Buffer.of(bytes.length), bytes]);
  const head = Buffer.alloc(4);
  head.writeUInt32LE(0xfd + bytes.length * 256);
  return Buffer.concat([head, bytes]);
}
