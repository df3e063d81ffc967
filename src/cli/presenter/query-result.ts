import { printable } from './display-width.ts';
import { formatCounted } from './format.ts';
import type { Style } from './style.ts';
import { columnWidths, renderHeading, renderRows, type TableColumn } from './table.ts';

/** Rows that decide the widths of a table; what follows is streamed in those widths. */
const rowsMeasured = 1_000;
const newline = 0x0a;

/**
 * Turns the engine's TabSeparatedWithNamesAndTypes into a table. That format is text exactly as the
 * engine prints it, so no number loses digits, and its escapes keep a row on one line.
 */
export async function* renderQueryTable(
  chunks: AsyncIterable<Uint8Array>,
  style: Style,
): AsyncIterable<string> {
  const lines = splitLines(chunks);
  const names = await lines.next();
  const types = await lines.next();
  // A statement without a result, such as an INSERT.
  if (names.done === true || types.done === true) return;
  const columns = columnsOf(splitCells(names.value), splitCells(types.value));
  let widths: readonly number[] | undefined;
  let count = 0;
  for await (const rows of inBatches(lines)) {
    if (widths === undefined) {
      widths = columnWidths(columns, rows);
      yield renderHeading(columns, widths, style);
    }
    yield renderRows(columns, widths, rows);
    count += rows.length;
  }
  yield `${style.dim(formatCounted(count, 'row'))}\n`;
}

/** Turns JSONEachRow into one JSON array; the rows stay the engine's own bytes. */
export async function* renderQueryJson(chunks: AsyncIterable<Uint8Array>): AsyncIterable<string> {
  let count = 0;
  for await (const line of splitLines(chunks)) yield `${count++ === 0 ? '[' : ',\n'}${line}`;
  yield count === 0 ? '[]\n' : ']\n';
}

/** Lines of a byte stream; a character may lie across two chunks, a newline byte is always a newline. */
export async function* splitLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string, void> {
  let pending: Buffer[] = [];
  for await (const chunk of chunks) {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let start = 0;
    for (let end = bytes.indexOf(newline); end >= 0; end = bytes.indexOf(newline, start)) {
      pending.push(bytes.subarray(start, end));
      yield Buffer.concat(pending).toString('utf8');
      pending = [];
      start = end + 1;
    }
    if (start < bytes.length) pending.push(bytes.subarray(start));
  }
  if (pending.length > 0) yield Buffer.concat(pending).toString('utf8');
}

/** At least one batch, which may be empty. */
async function* inBatches(lines: AsyncIterable<string>): AsyncIterable<string[][]> {
  let rows: string[][] = [];
  for await (const line of lines) {
    rows.push(splitCells(line));
    if (rows.length < rowsMeasured) continue;
    yield rows;
    rows = [];
  }
  yield rows;
}

function splitCells(line: string): string[] {
  return line.split('\t').map(unescapeCell);
}

function columnsOf(names: readonly string[], types: readonly string[]): TableColumn[] {
  return names.map((title, index) => ({
    title,
    align: /^(Nullable\(|LowCardinality\()*(U?Int|Float|BFloat|Decimal)/.test(types[index] ?? '')
      ? 'right'
      : 'left',
  }));
}

/** `\N` is NULL; `\\` and `\'` are themselves; other escapes (newline, tab) stay visible. */
function unescapeCell(cell: string): string {
  if (cell === '\\N') return 'NULL';
  return printable(cell.includes('\\') ? cell.replace(/\\([\\'])/g, '$1') : cell);
}
