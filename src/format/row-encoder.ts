import type { TableSchema } from '../change/table-schema.ts';
import type { ByteWriter } from '../lib/byte-writer.ts';
import type { ChangeEncoder, ChangePlace } from './change-format.ts';
import type { PlaceText } from './place-text.ts';

/**
 * What is generated for one schema: `s` is the row itself, `t` the one before an update, `g` what else is
 * known of the change, `P` its place.
 */
export interface MessageCode {
  walk(b: Buffer, v: DataView, p: number, s: Int32Array): number;
  key(w: ByteWriter, b: Buffer, v: DataView, s: Int32Array, r: number): void;
  value(
    w: ByteWriter,
    b: Buffer,
    v: DataView,
    s: Int32Array,
    t: Int32Array,
    r: number,
    g: RowEncoder,
    P: PlaceText,
  ): void;
}

const operations = ['insert', 'update', 'delete'] as const;
/** UInt64 version and UInt8 deleted, behind the columns. */
const trailerBytes = 9;

/** Reads row bytes and hands them to the code generated for their schema. See ChangeEncoder. */
export class RowEncoder implements ChangeEncoder {
  /** 0 insert, 1 update, 2 delete. */
  action = 0;
  versionHigh = 0;
  versionLow = 0;
  totalOrder = 0;
  tableOrder = 0;
  readonly #code: MessageCode;
  readonly #place: PlaceText;
  /** Bytes a key or a value may take beside those of its columns. */
  readonly #room: number;
  #rows: Buffer = Buffer.alloc(0);
  #view: DataView = new DataView(new ArrayBuffer(0));
  #row: Int32Array;
  #before: Int32Array;
  #span = 0;

  constructor(schema: TableSchema, code: MessageCode, room: number, place: PlaceText) {
    this.#code = code;
    this.#room = room;
    this.#place = place;
    this.#row = new Int32Array(schema.columns.length * 2);
    this.#before = new Int32Array(schema.columns.length * 2);
  }

  get operation(): ChangeEncoder['operation'] {
    return operations[this.action] as ChangeEncoder['operation'];
  }

  read(rows: Buffer, at: number): number {
    if (rows !== this.#rows) {
      this.#rows = rows;
      this.#view = new DataView(rows.buffer, rows.byteOffset, rows.length);
    }
    const view = this.#view;
    const last = rows.length - trailerBytes;
    let end = this.#code.walk(rows, view, at, this.#row);
    // Behind the end of the rows the walk reads nothing, and may be anywhere.
    if (!(end <= last)) return -1;
    const deleted = rows[end + 8] as number;
    this.action = deleted === 1 ? 2 : 0;
    if (deleted === 2) {
      const before = this.#row;
      this.#row = this.#before;
      this.#before = before;
      this.action = 1;
      end = this.#code.walk(rows, view, end + trailerBytes, this.#row);
      if (!(end <= last)) return -1;
    }
    this.versionLow = view.getUint32(end, true);
    this.versionHigh = view.getUint32(end + 4, true);
    this.#span = end + trailerBytes - at;
    return end + trailerBytes;
  }

  writeKey(to: ByteWriter): void {
    const room = this.#reserve(to);
    this.#code.key(to, this.#rows, this.#view, this.#row, room);
  }

  writeValue(to: ByteWriter, place: ChangePlace, totalOrder = 0, tableOrder = 0): void {
    this.totalOrder = totalOrder;
    this.tableOrder = tableOrder;
    // The version is epoch, file number and offset; see packVersion.
    this.#place.update(place, (this.versionHigh >>> 4) & 0xfffff);
    const room = this.#reserve(to);
    this.#code.value(to, this.#rows, this.#view, this.#row, this.#before, room, this, this.#place);
  }

  /** Base64 and the like take less than twice the row; escapes make room for themselves. */
  #reserve(to: ByteWriter): number {
    const room = this.#room + 2 * this.#span + this.#place.room;
    to.reserve(room);
    return room;
  }
}
