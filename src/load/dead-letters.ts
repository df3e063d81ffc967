import { createHash } from 'node:crypto';
import type { MessageLayout } from '../change/message-layout.ts';
import { MessageLines } from '../change/message-line.ts';
import type { TableId } from '../change/table-id.ts';

/** A message that could not be loaded, as it is kept until it is replayed or dropped. */
export interface DeadLetter {
  /** The same for the same message of the same table, on every attempt. */
  readonly id: string;
  readonly table: TableId;
  readonly queue: string;
  readonly partition: number;
  /** A number, as text: it may be beyond 2^53. */
  readonly offset: string;
  /** Of the message. */
  readonly timestampMs: number;
  readonly reason: string;
  /** No table was found for it, so it cannot be replayed into one. */
  readonly isUnplaced: boolean;
  readonly message: Buffer;
  readonly receivedAtMs: number;
  readonly schemaVersion: string;
  readonly layout: MessageLayout;
  /** Numbers of its line, as text: version and arrival. */
  readonly version: string;
  readonly arrival: string;
}

/** A line taken apart into what stands in front of the message, and the message. */
export interface ParsedLine {
  readonly version: string;
  readonly arrival: string;
  readonly partition: number;
  readonly offset: string;
  readonly timestampMs: number;
  readonly queue: string;
  readonly refusal: string | undefined;
  readonly message: Buffer;
}

const text = '"(?:[^"\\\\]|\\\\.)*"';
const headPattern = new RegExp(
  `^\\{"v":(\\d+),"a":(\\d+),"p":(-?\\d+),"o":(-?\\d+),"t":(-?\\d+),"q":(${text}),(?:"e":(${text}),)?"m":`,
);

/** `line` is what MessageLines wrote, without its line end; undefined when it is not. */
export function parseLine(line: Buffer): ParsedLine | undefined {
  // One character per byte: a place in the text is a place in the bytes.
  const head = headPattern.exec(line.toString('latin1'));
  if (head === null) return undefined;
  const [all, version = '', arrival = '', partition, offset = '', timestamp, queue, refusal] = head;
  return {
    version,
    arrival,
    partition: Number(partition),
    offset,
    timestampMs: Number(timestamp),
    queue: parseText(queue ?? '""'),
    refusal: refusal === undefined ? undefined : parseText(refusal),
    message: line.subarray(all.length, -1),
  };
}

/** The line of a letter, as the reader wrote it. */
export function lineOf(letter: DeadLetter): Buffer {
  const { partition, offset, timestampMs, message, version, arrival, queue } = letter;
  const lines = new MessageLines();
  const source = { partition, offset: Number(offset), timestampMs, value: message };
  lines.add(source, JSON.stringify(queue), version, BigInt(arrival));
  return lines.take().bytes;
}

export function deadLetterId(
  table: TableId,
  { queue, partition, offset }: Pick<ParsedLine, 'queue' | 'partition' | 'offset'>,
): string {
  const place = JSON.stringify([table, queue, partition, offset]);
  return createHash('sha256').update(place).digest('hex').slice(0, 16);
}

/** The engine's words without what only its developers understand. */
export function shortReason(message: string): string {
  const plain = message.replace(/^.*?(DB::Exception: |the engine refused the statement: )/s, '');
  const [first = ''] = plain.split(/: \(at row|\n| \(version |\. \([A-Z_]+\)/);
  // The message is the field m of its line.
  return first
    .replace(/: \(while reading the value of nested key m\)/, '')
    .replace(/\.?\s*$/, '')
    .slice(0, 300);
}

function parseText(json: string): string {
  return JSON.parse(Buffer.from(json, 'latin1').toString()) as string;
}
