import type { RowsSection, Section } from '../../../change/change-batch.ts';
import type { TableId } from '../../../change/table-id.ts';
import { ByteWriter } from '../../../lib/byte-writer.ts';

interface OpenRows {
  readonly schemaVersion: string;
  readonly writer: ByteWriter;
  rowCount: number;
}

/** Writers that grew beyond this are let go with their bytes instead of being kept for the next rows. */
const keptWriterBytes = 1024 * 1024;

/** Gathers sections: rows per table between barriers, in source order. */
export class SectionBuffer {
  readonly #closed: Section[] = [];
  readonly #open = new Map<TableId, OpenRows>();
  #bytes = 0;

  get isEmpty(): boolean {
    return this.#bytes === 0 && this.#closed.length === 0;
  }

  /** Row bytes in here. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Lets `write` add rows of one table and schema version; it returns how many it wrote. */
  addRows(table: TableId, schemaVersion: string, write: (writer: ByteWriter) => number): void {
    const rows = this.#rowsOf(table, schemaVersion);
    const before = rows.writer.offset;
    rows.rowCount += write(rows.writer);
    this.#bytes += rows.writer.offset - before;
  }

  /** A schema or truncate section. What was added before stands before it. */
  addBarrier(section: Section): void {
    this.#closeAll();
    this.#closed.push(section);
  }

  /** Moves everything of `other` behind what is in here. */
  absorb(other: SectionBuffer): void {
    if (other.#closed.length > 0) {
      this.#closeAll();
      this.#closed.push(...other.#closed);
      other.#closed.length = 0;
    }
    for (const [table, { schemaVersion, writer, rowCount }] of other.#open) {
      if (rowCount === 0) continue;
      const rows = this.#rowsOf(table, schemaVersion);
      rows.writer.reserve(writer.offset);
      writer.buffer.copy(rows.writer.buffer, rows.writer.offset, 0, writer.offset);
      rows.writer.offset += writer.offset;
      rows.rowCount += rowCount;
    }
    this.#bytes += other.#bytes;
    other.clear();
  }

  /** All sections; empty afterwards. */
  take(): Section[] {
    this.#closeAll();
    this.#bytes = 0;
    return this.#closed.splice(0);
  }

  clear(): void {
    this.#closed.length = 0;
    this.#bytes = 0;
    for (const [table, rows] of this.#open) {
      rows.writer.offset = 0;
      rows.rowCount = 0;
      if (rows.writer.buffer.length > keptWriterBytes) this.#open.delete(table);
    }
  }

  #rowsOf(table: TableId, schemaVersion: string): OpenRows {
    const rows = this.#open.get(table);
    if (rows?.schemaVersion === schemaVersion) return rows;
    if (rows !== undefined) this.#close(table, rows);
    const fresh = { schemaVersion, writer: rows?.writer ?? new ByteWriter(), rowCount: 0 };
    this.#open.set(table, fresh);
    return fresh;
  }

  #closeAll(): void {
    for (const [table, rows] of this.#open) {
      this.#close(table, rows);
      if (rows.writer.buffer.length > keptWriterBytes) this.#open.delete(table);
    }
  }

  #close(table: TableId, rows: OpenRows): void {
    if (rows.rowCount === 0) return;
    const { schemaVersion, rowCount } = rows;
    const section: RowsSection = {
      kind: 'rows',
      table,
      schemaVersion,
      rowCount,
      bytes: rows.writer.take(),
    };
    this.#closed.push(section);
    rows.rowCount = 0;
  }
}
