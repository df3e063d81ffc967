import { readFileSync } from 'node:fs';
import { decodeBatch } from '../../../src/change/batch-codec.ts';
import type { ChangeBatch, Section, TransactionMark } from '../../../src/change/change-batch.ts';
import type { TableId } from '../../../src/change/table-id.ts';
import type { TableSchema } from '../../../src/change/table-schema.ts';
import type { ChangeFormat, ChangePlace, EventMessage } from '../../../src/format/change-format.ts';
import { createFormat } from '../../../src/format/create-format.ts';
import { formatOptions } from '../../../src/format/options.ts';
import { ByteWriter } from '../../../src/lib/byte-writer.ts';

/** What scripts/record-debezium.ts wrote: Debezium's messages, and our own capture of the same statements. */
export interface Recording {
  readonly debezium: string;
  readonly schemas: readonly string[];
  readonly messages: readonly RecordedMessage[];
  readonly batches: readonly string[];
}

export interface RecordedMessage {
  readonly variant: Variant;
  readonly topic: string;
  readonly key: RecordedPart | null;
  readonly value: RecordedPart | null;
}

interface RecordedPart {
  /** Number in `schemas`. */
  readonly schema: number;
  readonly payload: string;
}

export type Flavour = 'mariadb' | 'mysql';
export type Variant = 'precise' | 'string' | 'double';

/** One message of ours. */
export interface Message {
  readonly table: TableId;
  readonly to: EventMessage['to'] | 'row';
  readonly key: string | null;
  readonly value: string;
}

export function readRecording(flavour: Flavour): Recording {
  const url = new URL(`../../fixtures/format/recorded/${flavour}.json`, import.meta.url);
  return JSON.parse(readFileSync(url, 'utf8')) as Recording;
}

/** Our messages for the recorded changes, with the settings that Debezium had. */
export function encodeRecording(recording: Recording, flavour: Flavour, variant: Variant) {
  const options = { type: 'debezium', schema: true, decimals: variant };
  const format = createFormat(formatOptions.parse(options), {
    name: 'strata',
    connector: flavour,
    serverId: 1,
    toolVersion: '0.1.0',
  });
  const encoder = new RecordingEncoder(format, variant === 'string');
  for (const text of recording.batches) {
    encoder.add(decodeBatch(Buffer.from(text, 'base64'), 'the recording'));
  }
  return encoder.messages;
}

class RecordingEncoder {
  readonly messages: Message[] = [];
  readonly #format: ChangeFormat;
  readonly #hasTransactions: boolean;
  readonly #schemas = new Map<TableId, TableSchema>();

  constructor(format: ChangeFormat, hasTransactions: boolean) {
    this.#format = format;
    this.#hasTransactions = hasTransactions;
  }

  add(batch: ChangeBatch): void {
    const entries = batch.sections.flatMap((section) => this.#entries(batch, section));
    const rows = entries.filter((entry): entry is Row => 'write' in entry);
    const orders = this.#hasTransactions ? ordersOf(batch, rows) : undefined;
    for (const entry of entries) {
      if (!('write' in entry)) this.messages.push(entry);
      else {
        const [total, ofTable] = orders?.get(entry.version) ?? [0, 0];
        this.messages.push({ table: entry.table, to: 'row', ...entry.write(total, ofTable) });
      }
    }
    if (this.#hasTransactions)
      for (const mark of batch.marks ?? []) this.#addMarks(mark, batch, rows);
  }

  #entries(batch: ChangeBatch, section: Section): (Row | Message)[] {
    const { table } = section;
    if (section.kind === 'schema' || section.kind === 'truncate') {
      const known = this.#schemas.get(table);
      if (section.kind === 'schema') this.#schemas.set(table, section.schema);
      const place = placeOf(batch, section.version);
      return this.#format.events(section, known, place).map((event) => messageOf(table, event));
    }
    const schema = this.#schemas.get(table);
    if (section.kind !== 'rows') return [];
    if (schema === undefined) throw new Error(`no schema of ${table}`);
    const encoder = this.#format.encoder(schema);
    const rows: Row[] = [];
    for (let at = 0; at < section.bytes.length; ) {
      const start = at;
      at = encoder.read(section.bytes, at);
      const version = BigInt(encoder.versionHigh) * 2n ** 32n + BigInt(encoder.versionLow);
      const write = (total: number, ofTable: number) => {
        encoder.read(section.bytes, start);
        return {
          key: textOf((to) => encoder.writeKey(to)),
          value: textOf((to) => encoder.writeValue(to, placeOf(batch, version), total, ofTable)),
        };
      };
      rows.push({ table, version, write });
    }
    return rows;
  }

  #addMarks(mark: TransactionMark, batch: ChangeBatch, rows: readonly Row[]): void {
    const changes = new Map<TableId, number>();
    for (const { table, version } of rows) {
      if (markOf(batch, version) === mark) changes.set(table, (changes.get(table) ?? 0) + 1);
    }
    const events = [
      this.#format.transactionBegin?.(mark),
      this.#format.transactionEnd?.(mark, changes),
    ];
    for (const event of events) {
      if (event === undefined) throw new Error('Debezium has transaction markers');
      this.messages.push(messageOf('', event));
    }
  }
}

function messageOf(table: TableId, { to, key, value }: EventMessage): Message {
  return { table, to, key: key === null ? null : key.toString(), value: value.toString() };
}

interface Row {
  readonly table: TableId;
  readonly version: bigint;
  write(total: number, ofTable: number): { key: string; value: string };
}

/** Which change of its transaction each one is, and which of its table there. */
function ordersOf(batch: ChangeBatch, rows: readonly Row[]): Map<bigint, [number, number]> {
  const orders = new Map<bigint, [number, number]>();
  const counts = new Map<string, number>();
  const next = (name: string) => {
    const count = (counts.get(name) ?? 0) + 1;
    counts.set(name, count);
    return count;
  };
  const sorted = rows.toSorted((left, right) => (left.version < right.version ? -1 : 1));
  for (const { table, version } of sorted) {
    const mark = markOf(batch, version);
    if (mark !== undefined) orders.set(version, [next(mark.id), next(`${mark.id} ${table}`)]);
  }
  return orders;
}

function markOf(batch: ChangeBatch, version: bigint): TransactionMark | undefined {
  return batch.marks?.find(({ end }) => end > version);
}

function placeOf(batch: ChangeBatch, version: bigint): ChangePlace {
  const { origin, receivedAtMs, committedAtMs, position } = batch;
  const { file, offset } = position;
  const dot = file.lastIndexOf('.') + 1;
  return {
    origin,
    receivedAtMs,
    fileBase: file.slice(0, dot),
    fileDigits: file.length - dot,
    mark: markOf(batch, version) ?? { end: version, id: `${file}:${offset}`, committedAtMs },
  };
}

function textOf(write: (to: ByteWriter) => void): string {
  const writer = new ByteWriter(64);
  write(writer);
  return writer.take().toString();
}
