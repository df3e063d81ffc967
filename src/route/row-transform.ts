import { hash } from 'node:crypto';
import type { TableSchema } from '../change/table-schema.ts';
import type { ByteWriter } from '../lib/byte-writer.ts';
import type { ColumnAction } from './column-plan.ts';
import { type RowView, readSpan, type Span, tailBytes } from './row-layout.ts';
import type { TablePlan } from './table-plan.ts';
import { textBytes } from './value-text.ts';

/** Writes a part of the row it is given. */
type Step = (row: RowView, writer: ByteWriter) => void;

/**
 * Rows of a table as rows of the table after the rules. Columns that stay as they are and lie side by
 * side are copied in one piece without being looked at.
 */
export class RowTransform {
  /** Rows come out as they go in. */
  readonly isCopy: boolean;
  readonly #steps: readonly Step[];

  constructor(plan: TablePlan, target: TableSchema) {
    this.#steps = stepsOf(plan, target);
    this.isCopy = this.#steps.length === 1 && plan.columns.length === plan.source.columns.length;
  }

  write(row: RowView, writer: ByteWriter): void {
    for (const step of this.#steps) step(row, writer);
  }
}

function stepsOf({ source, columns, route }: TablePlan, target: TableSchema): Step[] {
  const steps: Step[] = [];
  // Columns from..to of the source wait to be copied as they are.
  let run: { from: number; to: number } | undefined;
  const endRun = () => {
    if (run !== undefined) steps.push(copyColumns(run.from, run.to));
    run = undefined;
  };
  const copy = (index: number) => {
    if (run?.to === index) run.to = index + 1;
    else {
      endRun();
      run = { from: index, to: index + 1 };
    }
  };
  for (const { name, nullable } of target.columns) {
    if (name === route.shard?.column) {
      endRun();
      steps.push(writeConstant(textValue(route.shard.value)));
      continue;
    }
    const planned = columns.find(({ column }) => column.name === name);
    if (planned === undefined) {
      endRun();
      steps.push(writeConstant(Buffer.of(1)));
      continue;
    }
    const { index, action } = planned;
    const wasNullable = source.columns[index]?.nullable ?? false;
    if (nullable && !wasNullable) {
      endRun();
      steps.push(writeConstant(Buffer.of(0)));
    }
    if (action.kind === 'copy') copy(index);
    else {
      endRun();
      const value = valueStep(action, source, index);
      steps.push(wasNullable ? unlessNull(index, value) : value);
    }
  }
  // The tail is the column after the last one.
  copy(source.columns.length);
  endRun();
  return steps;
}

/** Columns `from`..`to` as they lie; the one after the last stands for the tail. */
function copyColumns(from: number, to: number): Step {
  return ({ bytes, starts }, writer) => {
    const start = starts[from] ?? 0;
    const end = to < starts.length ? (starts[to] ?? 0) : (starts[to - 1] ?? 0) + tailBytes;
    writer.reserve(end - start);
    writer.offset += bytes.copy(writer.buffer, writer.offset, start, end);
  };
}

function writeConstant(constant: Buffer): Step {
  return (_row, writer) => {
    writer.reserve(constant.length);
    writer.offset += constant.copy(writer.buffer, writer.offset);
  };
}

function unlessNull(index: number, value: Step): Step {
  return (row, writer) => {
    const marker = row.bytes[row.starts[index] ?? 0] ?? 0;
    writer.reserve(1);
    writer.buffer[writer.offset++] = marker;
    if (marker === 0) value(row, writer);
  };
}

/** Writes a value that is not NULL, without the byte that says so. */
function valueStep(
  action: Exclude<ColumnAction, { kind: 'copy' }>,
  { columns }: TableSchema,
  index: number,
): Step {
  const column = columns[index];
  if (column === undefined || action.kind === 'mask') {
    return writeConstant(textValue(action.kind === 'mask' ? action.text : ''));
  }
  const skip = column.nullable ? 1 : 0;
  if (action.kind === 'truncate') {
    const span: Span = { start: 0, end: 0 };
    return ({ bytes, starts }, writer) => {
      readSpan(bytes, (starts[index] ?? 0) + skip, span);
      const end = endOfCharacters(bytes, span, action.characters);
      writer.reserve(5 + end - span.start);
      writer.writeVarUint(end - span.start);
      writer.offset += bytes.copy(writer.buffer, writer.offset, span.start, end);
    };
  }
  const salt = Buffer.from(action.salt.reveal());
  // Salt and value side by side; made larger for the first value that does not fit.
  let salted = Buffer.concat([salt, Buffer.alloc(256)]);
  return ({ bytes, starts }, writer) => {
    const text = textBytes(column.type, bytes, (starts[index] ?? 0) + skip);
    const size = salt.length + text.length;
    if (size > salted.length) salted = Buffer.concat([salt, Buffer.alloc(2 * text.length)]);
    text.copy(salted, salt.length);
    const digest = hash('sha256', salted.subarray(0, size), 'hex');
    writer.reserve(1 + digest.length);
    writer.writeVarUint(digest.length);
    writer.offset += writer.buffer.write(digest, writer.offset, 'latin1');
  };
}

/** Where the first characters (code points of UTF-8) of a text end. */
function endOfCharacters(bytes: Buffer, { start, end }: Span, characters: number): number {
  let left = characters;
  for (let at = start; at < end; at++) {
    // A byte 10xxxxxx goes on with the character before it.
    if (((bytes[at] ?? 0) & 0xc0) !== 0x80 && left-- === 0) return at;
  }
  return end;
}

/** A text as row bytes: its length and its bytes. */
function textValue(text: string): Buffer {
  const bytes = Buffer.from(text);
  const length: number[] = [];
  let rest = bytes.length;
  for (; rest >= 0x80; rest >>>= 7) length.push((rest & 0x7f) | 0x80);
  return Buffer.from([...length, rest, ...bytes]);
}
