import type { TableSchema } from '../../../change/table-schema.ts';
import { CdcError } from '../../../errors.ts';
import type { ByteWriter } from '../../../lib/byte-writer.ts';
import { Constants } from './code-parts.ts';
import { emitColumn, emitSkip } from './column-code.ts';
import type { RowsEvent } from './rows-event.ts';
import { matchColumns } from './schema-match.ts';
import type { TableMap } from './table-map.ts';
import { ValueWriter } from './value-writer.ts';

/** Where an event stands; decides the versions of its rows. */
export interface EventPlace {
  readonly epoch: number;
  readonly file: string;
  readonly fileNumber: number;
  /** Byte in the file at which the event begins. */
  readonly offset: number;
  readonly size: number;
}

const two32 = 4294967296;
/** UInt64 version and UInt8 deleted, behind the columns. */
const trailerBytes = 9;

/**
 * Turns the row images of one table, in one shape, into row bytes (change/table-schema.ts). The code
 * is generated for the shape: no decision about a type is left per value, no object per row. An
 * update gives the row after it, and before that a delete when the key has changed; with the detail
 * `changes` always the row before it.
 */
export class RowDecoder {
  readonly schema: TableSchema;
  readonly #code: DecoderCode;
  readonly #detail: 'rows' | 'changes';
  #place: EventPlace = { epoch: 0, file: '', fileNumber: 0, offset: 0, size: 0 };
  readonly #keyBefore: number[];
  readonly #keyAfter: number[];
  /** Images met in a compressed event. */
  #rank = 0;

  /** Throws CDC_TYPE_UNSUPPORTED for a column whose values cannot be decoded for certain. */
  constructor(map: TableMap, schema: TableSchema, detail: 'rows' | 'changes' = 'rows') {
    this.schema = schema;
    this.#detail = detail;
    this.#code = generate(map, schema, (column, reason) => this.#reject(column, reason));
    this.#keyBefore = Array(schema.key.length * 2).fill(0);
    this.#keyAfter = Array(schema.key.length * 2).fill(0);
  }

  /**
   * Writes the event's rows and returns how many there are.
   * Throws CDC_VALUE_UNREPRESENTABLE for a value that its column cannot hold.
   */
  decode(event: RowsEvent, place: EventPlace, writer: ByteWriter): number {
    this.#place = place;
    this.#rank = 0;
    const before = writer.offset;
    try {
      if (event.action === 'insert') return this.#decodeImages(event, writer, 0);
      if (event.action === 'delete') return this.#decodeImages(event, writer, 1);
      return this.#detail === 'rows'
        ? this.#decodeUpdates(event, writer)
        : this.#decodeChanges(event, writer);
    } catch (error) {
      writer.offset = before;
      throw error;
    }
  }

  #decodeImages(event: RowsEvent, writer: ByteWriter, deleted: number): number {
    const { bytes, end } = event;
    let rows = 0;
    for (let at = event.start; at < end; rows++) {
      const next = this.#code.image(bytes, at, writer, this.#keyAfter);
      this.#writeTrailer(event, at, writer, deleted);
      at = next;
    }
    return rows;
  }

  #decodeUpdates(event: RowsEvent, writer: ByteWriter): number {
    const { bytes, end } = event;
    let rows = 0;
    for (let before = event.start; before < end; rows++) {
      const after = this.#code.skip(bytes, before, this.#keyBefore);
      const row = writer.offset;
      let next = this.#code.image(bytes, after, writer, this.#keyAfter);
      if (this.#hasKeyChanged(bytes)) {
        writer.offset = row;
        this.#code.image(bytes, before, writer, this.#keyBefore);
        this.#writeTrailer(event, before, writer, 1);
        next = this.#code.image(bytes, after, writer, this.#keyAfter);
        rows++;
      } else {
        this.#rank++;
      }
      this.#writeTrailer(event, after, writer, 0);
      before = next;
    }
    return rows;
  }

  #decodeChanges(event: RowsEvent, writer: ByteWriter): number {
    const { bytes, end } = event;
    let rows = 0;
    for (let before = event.start; before < end; rows += 2) {
      const after = this.#code.image(bytes, before, writer, this.#keyBefore);
      this.#writeTrailer(event, before, writer, 2);
      const flag = writer.offset - 1;
      const next = this.#code.image(bytes, after, writer, this.#keyAfter);
      this.#writeTrailer(event, after, writer, 0);
      if (this.#hasKeyChanged(bytes)) writer.buffer[flag] = 1;
      before = next;
    }
    return rows;
  }

  #hasKeyChanged(bytes: Buffer): boolean {
    const before = this.#keyBefore;
    const after = this.#keyAfter;
    for (let index = 0; index < before.length; index += 2) {
      const start = before[index] ?? 0;
      const length = (before[index + 1] ?? 0) - start;
      const other = after[index] ?? 0;
      if (length !== (after[index + 1] ?? 0) - other) return true;
      for (let byte = 0; byte < length; byte++) {
        if (bytes[start + byte] !== bytes[other + byte]) return true;
      }
    }
    return false;
  }

  /** The version is that of `packVersion`, its two halves written without a bigint. */
  #writeTrailer(event: RowsEvent, at: number, writer: ByteWriter, deleted: number): void {
    const place = this.#place;
    const inEvent = event.isCompressed ? this.#nextRank() : at + event.shift;
    const offset = place.offset + inEvent;
    const high = Math.floor(offset / two32);
    const to = writer.offset;
    writer.view.setUint32(to, offset - high * two32, true);
    writer.view.setUint32(to + 4, place.epoch * 0x1000000 + place.fileNumber * 16 + high, true);
    writer.buffer[to + 8] = deleted;
    writer.offset = to + trailerBytes;
  }

  #nextRank(): number {
    if (this.#rank >= this.#place.size) {
      throw new CdcError(
        'CDC_BINLOG_EVENT_UNSUPPORTED',
        `decoding ${this.#where()}: a compressed event has more rows than bytes`,
        { remedy: 'SET GLOBAL log_bin_compress=OFF, then run `cdc init --restart`.' },
      );
    }
    return this.#rank++;
  }

  #where(): string {
    return `${this.schema.table} at ${this.#place.file}:${this.#place.offset}`;
  }

  #reject(index: number, reason: string): never {
    const column = this.schema.columns[index]?.name ?? '';
    throw new CdcError(
      'CDC_VALUE_UNREPRESENTABLE',
      `decoding column ${column} of ${this.#where()}: ${reason}`,
      {
        details: {
          table: this.schema.table,
          column,
          file: this.#place.file,
          offset: this.#place.offset,
        },
      },
    );
  }
}

/** What is generated: both walk over the image at `at` and return where the next one begins. */
interface DecoderCode {
  /** Writes the columns; `key` gets start and end of every key column. */
  image(bytes: Buffer, at: number, writer: ByteWriter, key: number[]): number;
  skip(bytes: Buffer, at: number, key: number[]): number;
}

function generate(
  map: TableMap,
  schema: TableSchema,
  reject: (column: number, reason: string) => never,
): DecoderCode {
  const constants = new Constants();
  const { parts, room } = emitColumns(map, schema, constants);
  const roomNeeded = room + trailerBytes;
  const nullBytes = (map.columns.length + 7) >> 3;
  const head = `const z = p; p += ${nullBytes}; let n = 0, e = 0, v = 0, x = 0, m = 0, f = 0, y = 0;`;
  const source = `'use strict'; return {
    image(b, p, w, k) {
      ${head}
      if (w.offset + ${roomNeeded} > w.buffer.length) w.reserve(${roomNeeded});
      let o = w.buffer, d = w.view, q = w.offset;
      ${parts.map((part) => part.read).join('\n')}
      w.offset = q;
      return p;
    },
    skip(b, p, k) {
      ${head}
      ${parts.map((part) => part.skip).join('\n')}
      return p;
    },
  };`;
  const make = new Function('V', 'C', source);
  return make(new ValueWriter(roomNeeded, reject), constants.values) as DecoderCode;
}

interface Part {
  readonly read: string;
  readonly skip: string;
}

function emitColumns(
  map: TableMap,
  schema: TableSchema,
  constants: Constants,
): { parts: Part[]; room: number } {
  const matches = matchColumns(map, schema);
  if (matches === undefined) {
    throw new CdcError('CDC_INTERNAL', `rows of ${schema.table} do not have the schema's shape`);
  }
  const parts: Part[] = [];
  let room = 0;
  for (const [place, wire] of map.columns.entries()) {
    const index = matches[place];
    const column = index === undefined ? undefined : schema.columns[index];
    const isNull = `b[z + ${place >> 3}] & ${1 << (place & 7)}`;
    if (index === undefined || column === undefined) {
      const skip = emitSkip(wire);
      if (skip === undefined) throw unsupported(schema, wire.name, `wire type ${wire.type}`);
      const part = wire.nullable ? `if (!(${isNull})) { ${skip} }` : skip;
      parts.push({ read: part, skip: part });
      continue;
    }
    const code = emitColumn(wire, column, index, constants);
    if (code === undefined) throw unsupported(schema, column.name, column.sourceType);
    room += code.room + 1;
    const read = column.nullable
      ? `if (${isNull}) o[q++] = 1; else { o[q++] = 0; ${code.read} }`
      : code.read;
    const skip = column.nullable ? `if (!(${isNull})) { ${code.skip} }` : code.skip;
    const key = schema.key.indexOf(column.name);
    const noted = (text: string) =>
      key < 0 ? text : `k[${key * 2}] = p; ${text} k[${key * 2 + 1}] = p;`;
    parts.push({ read: noted(read), skip: noted(skip) });
  }
  return { parts, room };
}

function unsupported(schema: TableSchema, column: string, type: string): CdcError {
  return new CdcError(
    'CDC_TYPE_UNSUPPORTED',
    `column ${column} of ${schema.table} (${type}) has a type or character set that cannot be decoded`,
    { details: { table: schema.table, column, type } },
  );
}
