import type { Version } from '../../../change/position.ts';
import type { Column, TableSchema } from '../../../change/table-schema.ts';
import { CdcError } from '../../../errors.ts';
import type { ByteWriter } from '../../../lib/byte-writer.ts';
import { TextValueWriter } from './text-value-writer.ts';

/**
 * Turns rows of the text protocol into row bytes (change/table-schema.ts) without a string or an
 * object per cell: one function generated per table, unrolled over its columns. Only numbers become
 * code, never a name.
 *
 * Row packet, per column: 0xfb for NULL, or a length (one byte below 0xfb; 0xfc, 0xfd, 0xfe then 2, 3,
 * 8 bytes) and that many bytes of text.
 * https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_query_response_text_resultset_row.html
 */
export class TextRowEncoder {
  readonly #values: TextValueWriter;
  readonly #encode: EncodeFunction;
  #versionLow = 0;
  #versionHigh = 0;
  /** Room the fixed-size columns may take beyond their text, plus version and deleted. */
  readonly #slack: number;

  constructor(schema: TableSchema) {
    this.#values = new TextValueWriter((column, reason) => {
      throw unrepresentable(schema, column, reason);
    });
    this.#encode = generate(schema.columns);
    this.#slack = schema.columns.length * 34 + 9;
  }

  /** The version that rows get from now on. */
  set version(version: Version) {
    this.#versionLow = Number(version & 0xffffffffn);
    this.#versionHigh = Number(version >> 32n);
  }

  /** Appends the row to `writer`. Throws CDC_VALUE_UNREPRESENTABLE naming table and column. */
  encode(buffer: Buffer, offset: number, end: number, writer: ByteWriter): void {
    writer.reserve(end - offset + this.#slack);
    this.#encode(buffer, offset, writer, this.#values);
    const { view, offset: at } = writer;
    view.setUint32(at, this.#versionLow, true);
    view.setUint32(at + 4, this.#versionHigh, true);
    view.setUint8(at + 8, 0);
    writer.offset = at + 9;
  }
}

function unrepresentable(
  { table, columns }: TableSchema,
  column: number,
  reason: string,
): CdcError {
  const name = columns[column]?.name ?? '';
  return new CdcError(
    'CDC_VALUE_UNREPRESENTABLE',
    `column ${name} of ${table} holds ${reason}, which its warehouse type cannot hold`,
    {
      details: { table, column: name },
      remedy: `Add to the project file: source.overrides: [{ tables: ${table}, temporal: text }], then run \`cdc init --tables ${table}\`.`,
    },
  );
}

type EncodeFunction = (
  buffer: Buffer,
  offset: number,
  writer: ByteWriter,
  values: TextValueWriter,
) => void;

function generate(columns: readonly Column[]): EncodeFunction {
  const body = [
    "'use strict';",
    'let at = offset, length = 0;',
    ...columns.map((column, index) => columnCode(column, index)),
  ].join('\n');
  return new Function('buffer', 'offset', 'writer', 'values', body) as EncodeFunction;
}

function columnCode({ type, nullable }: Column, index: number): string {
  return `
length = buffer[at++];
if (length === 0xfb) {
  ${nullable ? 'writer.buffer[writer.offset++] = 1;' : `values.unexpectedNull(${index});`}
} else {
  if (length > 0xfb) { length = values.longLength(buffer, at, length); at += values.lengthBytes; }
  ${nullable ? 'writer.buffer[writer.offset++] = 0;' : ''}
  ${valueCode(type, index)}
  at += length;
}`;
}

/** The call that writes one value; `buffer`, `at` and `length` hold its text. */
function valueCode(type: Column['type'], index: number): string {
  const text = 'writer, buffer, at, length';
  switch (type.kind) {
    case 'int':
      return type.bits === 64 ? `values.int64(${text});` : `values.int${type.bits}(${text});`;
    case 'year':
      return `values.int16(${text});`;
    case 'float':
      return `values.float${type.bits}(${text});`;
    case 'decimal':
      return `values.decimal${decimalBits(type.precision)}(${text});`;
    case 'bit':
      return `values.int64(${text});`;
    case 'date':
      return type.text ? `values.bytes(${text});` : `values.date(${text}, ${index});`;
    case 'datetime':
    case 'timestamp':
      return type.text
        ? `values.bytes(${text});`
        : `values.datetime(${text}, ${10 ** type.fsp}, ${index});`;
    case 'time':
      return type.text ? `values.bytes(${text});` : `values.time(${text}, ${10 ** type.fsp});`;
    case 'string':
    case 'json':
    case 'binary':
    case 'geometry':
      return `values.bytes(${text});`;
  }
}

function decimalBits(precision: number): 32 | 64 | 128 | 256 {
  if (precision <= 9) return 32;
  if (precision <= 18) return 64;
  return precision <= 38 ? 128 : 256;
}
