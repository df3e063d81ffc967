import type { RowsSection, Section } from '../../../change/change-batch.ts';
import type { TableId } from '../../../change/table-id.ts';
import { ByteWriter } from '../../../lib/byte-writer.ts';

/** Rows of a table behind the last barrier: first those of whole transactions, then open ones. */
interface GatheredRows {
  readonly table: TableId;
  readonly schemaVersion: string;
  writer: ByteWriter;
  rowCount: number;
  wholeRows: number;
  wholeBytes: number;
}

/** Writers are kept for the next rows unless they grew beyond this without need, or there are many. */
const keptBytes = 1024 ** 2;
const keptWriters = 256;
const firstWriterBytes = 16 * 1024;

/**
 * Gathers sections: rows per table between barriers, in source order. Rows are written once, behind
 * those of the transactions before; `commit` moves the mark up to which all is whole.
 */
export class SectionBuffer {
  readonly #hasBeforeImages: boolean;
  readonly #closed: Section[] = [];
  /** As many of `closed` belong to whole transactions; when there are more, `tables` has only open rows. */
  #wholeClosed = 0;
  readonly #tables = new Map<TableId, GatheredRows>();
  /** Those of `tables` with rows, and those with rows of the open transaction. */
  #filled: GatheredRows[] = [];
  #touched: GatheredRows[] = [];
  #wholeBytes = 0;
  #openBytes = 0;

  constructor(hasBeforeImages = false) {
    this.#hasBeforeImages = hasBeforeImages;
  }

  /** Nothing of the open transaction is in here. */
  get isOpenEmpty(): boolean {
    return this.#openBytes === 0 && this.#closed.length === this.#wholeClosed;
  }

  /** Nothing of whole transactions is in here. */
  get isWholeEmpty(): boolean {
    return this.#wholeBytes === 0 && this.#wholeClosed === 0;
  }

  get openBytes(): number {
    return this.#openBytes;
  }

  get wholeBytes(): number {
    return this.#wholeBytes;
  }

  /** Lets `write` add rows of one table and schema version to the open transaction; it returns how many it wrote. */
  addRows(table: TableId, schemaVersion: string, write: (writer: ByteWriter) => number): void {
    const rows = this.#rowsOf(table, schemaVersion);
    const { writer } = rows;
    const before = writer.offset;
    const count = write(writer);
    if (count === 0) return;
    if (rows.rowCount === 0) this.#filled.push(rows);
    if (rows.rowCount === rows.wholeRows) this.#touched.push(rows);
    rows.rowCount += count;
    this.#openBytes += writer.offset - before;
  }

  /** A schema or truncate section of the open transaction. What was added before stands before it. */
  addBarrier(section: Section): void {
    this.#closeAll();
    this.#closed.push(section);
  }

  /** The open transaction is whole. */
  commit(): void {
    for (const rows of this.#touched) {
      rows.wholeRows = rows.rowCount;
      rows.wholeBytes = rows.writer.offset;
    }
    this.#touched.length = 0;
    this.#wholeClosed = this.#closed.length;
    this.#wholeBytes += this.#openBytes;
    this.#openBytes = 0;
  }

  /** Forgets the open transaction. */
  rollback(): void {
    for (const rows of this.#touched) {
      rows.rowCount = rows.wholeRows;
      rows.writer.offset = rows.wholeBytes;
    }
    this.#touched.length = 0;
    this.#filled = this.#filled.filter(({ rowCount }) => rowCount > 0);
    this.#closed.length = this.#wholeClosed;
    this.#openBytes = 0;
  }

  /** The sections of whole transactions; they are in here no longer. */
  takeWhole(): Section[] {
    if (this.#closed.length === this.#wholeClosed) this.#closeWhole();
    const sections = this.#closed.splice(0, this.#wholeClosed);
    this.#wholeClosed = 0;
    this.#wholeBytes = 0;
    return sections;
  }

  /** The sections of the open transaction so far, when whole ones have been taken. */
  takeOpen(): Section[] {
    this.#closeAll();
    this.#openBytes = 0;
    return this.#closed.splice(0);
  }

  #rowsOf(table: TableId, schemaVersion: string): GatheredRows {
    const rows = this.#tables.get(table);
    if (rows?.schemaVersion === schemaVersion) return rows;
    if (rows !== undefined) this.#closeAll();
    const fresh: GatheredRows = {
      table,
      schemaVersion,
      writer: new ByteWriter(firstWriterBytes),
      ...{ rowCount: 0, wholeRows: 0, wholeBytes: 0 },
    };
    this.#tables.set(table, fresh);
    return fresh;
  }

  #closeAll(): void {
    this.#closeWhole();
    for (const rows of this.#filled) this.#close(rows, rows.rowCount, rows.writer.offset);
    this.#filled.length = 0;
    this.#touched.length = 0;
  }

  /** Rows of whole transactions become sections; when open ones are in `closed`, there are none left. */
  #closeWhole(): void {
    const left: GatheredRows[] = [];
    for (const rows of this.#filled) {
      if (rows.wholeRows > 0) {
        this.#close(rows, rows.wholeRows, rows.wholeBytes);
        this.#wholeClosed = this.#closed.length;
        rows.wholeRows = 0;
        rows.wholeBytes = 0;
      }
      if (rows.rowCount > 0) left.push(rows);
    }
    this.#filled = left;
  }

  /** The first rows of a table as a section; the others move up. */
  #close(rows: GatheredRows, rowCount: number, byteCount: number): void {
    const { table, schemaVersion } = rows;
    rows.rowCount -= rowCount;
    const section: RowsSection = {
      ...{ kind: 'rows', table, schemaVersion, rowCount, bytes: takeFirst(rows, byteCount) },
      ...(this.#hasBeforeImages && { hasBeforeImages: true }),
    };
    this.#closed.push(section);
    const isIdle = byteCount * 2 < rows.writer.buffer.length && rows.rowCount === 0;
    const isTooMuch = rows.writer.buffer.length > keptBytes || this.#tables.size > keptWriters;
    if (isIdle && isTooMuch && this.#tables.get(table) === rows) this.#tables.delete(table);
  }
}

/** A large buffer that is well used goes along with its bytes; else they are copied out of it. */
function takeFirst(rows: GatheredRows, byteCount: number): Buffer {
  const { buffer, offset } = rows.writer;
  if (buffer.length > keptBytes && byteCount * 2 >= buffer.length) {
    rows.writer = new ByteWriter(buffer.length);
    rows.writer.offset = buffer.copy(rows.writer.buffer, 0, byteCount, offset);
    return buffer.subarray(0, byteCount);
  }
  const bytes = Buffer.allocUnsafeSlow(byteCount);
  buffer.copy(bytes, 0, 0, byteCount);
  buffer.copyWithin(0, byteCount, offset);
  rows.writer.offset = offset - byteCount;
  return bytes;
}
