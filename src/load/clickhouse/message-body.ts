import { ByteWriter } from '../../lib/byte-writer.ts';

const lineEnd = 10;
const tab = 9;

/**
 * A line no format takes for one: whatever a malformed line in front of it left open (a string, an object,
 * a value), this line ends with an error of its own, so the line after it is read from its beginning.
 */
const guard = Buffer.from('"x"x\n');

/** Whole lines, as they are or cut out of a larger piece. */
export interface LinePiece {
  readonly chunks: readonly Buffer[];
  readonly lineCount: number;
}

/** Divides lines into `count` pieces of about the same size; fewer when there are not as many lines. */
export function divideLines(chunks: readonly Buffer[], count: number): LinePiece[] {
  const total = chunks.reduce((sum, { length }) => sum + length, 0);
  const target = Math.ceil(total / count);
  const pieces: LinePiece[] = [];
  let open: Buffer[] = [];
  let bytes = 0;
  const close = () => {
    if (open.length > 0) pieces.push({ chunks: open, lineCount: countLines(open) });
    open = [];
    bytes = 0;
  };
  for (const chunk of chunks) {
    for (let start = 0; start < chunk.length; ) {
      const wanted = start + target - bytes;
      const end = wanted >= chunk.length ? chunk.length : chunk.indexOf(lineEnd, wanted - 1) + 1;
      open.push(chunk.subarray(start, end));
      bytes += end - start;
      start = end;
      if (bytes >= target) close();
    }
  }
  close();
  return pieces;
}

/** The lines, each without its line end. */
export function linesOf(chunks: readonly Buffer[]): Buffer[] {
  const lines: Buffer[] = [];
  for (const chunk of chunks) {
    for (let start = 0; start < chunk.length; ) {
      const end = chunk.indexOf(lineEnd, start);
      lines.push(chunk.subarray(start, end));
      start = end + 1;
    }
  }
  return lines;
}

/** Lines as the good path sends them: `line`, or `line <tab> line`. */
export function bodyOf(chunks: readonly Buffer[], isTwice: boolean): readonly Buffer[] {
  if (!isTwice) return chunks;
  return [writeLines(linesOf(chunks), (writer, line) => writeTwice(writer, line))];
}

/** `number <tab> line`; with a guard after each, so that lines are judged one by one. */
export function numberedBody(
  lines: readonly Buffer[],
  { isTwice, isGuarded }: { readonly isTwice: boolean; readonly isGuarded: boolean },
): readonly Buffer[] {
  const body = writeLines(lines, (writer, line, index) => {
    append(writer, Buffer.from(`${index}\t`));
    if (isTwice) writeTwice(writer, line);
    else append(writer, line, lineEnd);
    if (isGuarded) append(writer, guard);
  });
  return [body];
}

function writeLines(
  lines: readonly Buffer[],
  write: (writer: ByteWriter, line: Buffer, index: number) => void,
): Buffer {
  const writer = new ByteWriter();
  for (const [index, line] of lines.entries()) write(writer, line, index);
  return writer.take();
}

function writeTwice(writer: ByteWriter, line: Buffer): void {
  append(writer, line, tab);
  append(writer, line, lineEnd);
}

function append(writer: ByteWriter, bytes: Buffer, end?: number): void {
  writer.reserve(bytes.length + 1);
  writer.offset += bytes.copy(writer.buffer, writer.offset);
  if (end !== undefined) writer.buffer[writer.offset++] = end;
}

function countLines(chunks: readonly Buffer[]): number {
  let count = 0;
  for (const chunk of chunks) {
    for (let at = chunk.indexOf(lineEnd); at >= 0; at = chunk.indexOf(lineEnd, at + 1)) count++;
  }
  return count;
}
