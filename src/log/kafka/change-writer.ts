import type { ChangeBatch, RowsSection, TransactionMark } from '../../change/change-batch.ts';
import { packVersion, renderPosition, type Version } from '../../change/position.ts';
import type { TableId } from '../../change/table-id.ts';
import type { TableSchema } from '../../change/table-schema.ts';
import { CdcError } from '../../errors.ts';
import type {
  ChangeEncoder,
  ChangeFormat,
  ChangePlace,
  EventMessage,
} from '../../format/change-format.ts';
import { partitionOf } from '../../kafka/murmur2.ts';
import { encodeHeaderName, encodeHeaders } from '../../kafka/record-batch-writer.ts';
import { ByteWriter } from '../../lib/byte-writer.ts';
import type { Barrier } from './commit-record.ts';
import type { PartitionBatch, PartitionBatches, SentBatch } from './partition-batches.ts';
import { recordHeader, VersionText, writePosition } from './record-headers.ts';

/** What writing a batch leads to, for whoever makes the commit of it. */
export interface WriteSink {
  /** A batch is on its way. */
  sent(batch: Promise<SentBatch>): void;
  /** Records of an earlier writer, at these offsets, turned out to be the rows at hand. */
  claimed(partition: PartitionBatch, table: TableId, offsets: readonly number[]): void;
}

export interface ChangeWriterContext {
  readonly format: ChangeFormat;
  readonly batches: PartitionBatches;
  /** Deletes are followed by a record without value. */
  readonly hasTombstones: boolean;
  readonly schema: (table: TableId, version: string) => TableSchema | undefined;
}

const versionName = encodeHeaderName(recordHeader.version);
const positionName = encodeHeaderName(recordHeader.position);
const transactionName = encodeHeaderName(recordHeader.transaction);

const maxVersion = packVersion(127, 2 ** 20 - 1, 2 ** 36 - 1);

/** An encoder with what every record of its table says in the headers. */
interface TableWriter {
  readonly encoder: ChangeEncoder;
  readonly headers: Buffer;
}

/** Writes rows and events as records into the batches of their partitions. */
export class ChangeWriter {
  readonly #context: ChangeWriterContext;
  readonly #tables = new Map<string, TableWriter>();
  readonly #key = new ByteWriter(4096);
  readonly #version = new VersionText();

  constructor(context: ChangeWriterContext) {
    this.#context = context;
  }

  /** Rows of a section into the partitions of its topic; waits while too much is on its way. */
  async writeRows(
    section: RowsSection,
    batch: ChangeBatch,
    partitions: readonly PartitionBatch[],
    sink: WriteSink,
  ): Promise<void> {
    const table = this.#tableWriter(section);
    const run = new SectionRun(batch);
    const { bytes } = section;
    for (let at = 0; at < bytes.length; ) {
      at = this.#writeSome(table, section, at, run, partitions, sink);
      await this.#context.batches.room();
    }
  }

  /** Changes from `at` on until a batch was sent; returns where the next one begins. */
  #writeSome(
    { encoder, headers }: TableWriter,
    { bytes, table }: RowsSection,
    start: number,
    run: SectionRun,
    partitions: readonly PartitionBatch[],
    sink: WriteSink,
  ): number {
    const { batches } = this.#context;
    const key = this.#key;
    let at = start;
    while (at < bytes.length) {
      at = encoder.read(bytes, at);
      const { versionHigh, versionLow } = encoder;
      const place = run.placeOf(versionHigh, versionLow);
      key.offset = 0;
      encoder.writeKey(key);
      const index = partitionOf(key.buffer.subarray(0, key.offset), partitions.length);
      const into = partitions[index] as PartitionBatch;
      if (run.isStream && into.tail.hasRow(versionHigh, versionLow)) {
        sink.claimed(into, table, into.tail.claim(versionHigh, versionLow));
        continue;
      }
      this.#writeChange(encoder, headers, place, into);
      const early = batches.sendIfTooLarge(into);
      if (early !== undefined) sink.sent(early);
      if (this.#context.hasTombstones && encoder.operation === 'delete') {
        this.#writeTombstone(encoder, headers, place, into);
      }
      if (batches.added(into, table)) {
        sink.sent(batches.send(into));
        return at;
      }
    }
    return at;
  }

  #writeChange(
    encoder: ChangeEncoder,
    headers: Buffer,
    place: ChangePlace,
    { batch }: PartitionBatch,
  ): void {
    batch.begin(place.mark.committedAtMs);
    this.#putKey(batch.writer);
    batch.endKey();
    encoder.writeValue(batch.writer, place);
    batch.endValue();
    this.#putHeaders(encoder, headers, place, batch);
    batch.endRecord();
  }

  #writeTombstone(
    encoder: ChangeEncoder,
    headers: Buffer,
    place: ChangePlace,
    { batch }: PartitionBatch,
  ): void {
    batch.begin(place.mark.committedAtMs);
    this.#putKey(batch.writer);
    batch.endKey();
    batch.nullValue();
    this.#putHeaders(encoder, headers, place, batch);
    batch.endRecord();
  }

  #putKey(to: ByteWriter): void {
    const { buffer, offset } = this.#key;
    to.reserve(offset);
    for (let index = 0; index < offset; index++) {
      to.buffer[to.offset + index] = buffer[index] as number;
    }
    to.offset += offset;
  }

  #putHeaders(
    { versionHigh, versionLow }: ChangeEncoder,
    headers: Buffer,
    place: ChangePlace,
    batch: PartitionBatch['batch'],
  ): void {
    const isStream = place.origin === 'stream';
    batch.beginHeaders(isStream ? 5 : 4);
    batch.putHeaders(headers);
    batch.beginHeader(versionName);
    this.#version.write(batch.writer, versionHigh, versionLow);
    batch.endHeader();
    batch.beginHeader(positionName);
    writePosition(batch.writer, place, versionHigh, versionLow);
    batch.endHeader();
    if (!isStream) return;
    batch.beginHeader(transactionName);
    putText(batch.writer, place.mark.id);
    batch.endHeader();
  }

  /** What the format says of a barrier, to the topics it belongs into. */
  eventsOf(barrier: Barrier, batch: ChangeBatch): readonly EventMessage[] {
    const schema = barrier.kind === 'schema' ? barrier.schema : undefined;
    return this.#context.format.events(
      barrier,
      schema,
      new SectionRun(batch).placeAt(barrier.version),
    );
  }

  /** One event into one partition. Events that the partition has already are left out. */
  writeEvent(
    { key, value }: EventMessage,
    about: { readonly table: TableId; readonly version: Version; readonly batch: ChangeBatch },
    into: PartitionBatch,
  ): void {
    const place = new SectionRun(about.batch).placeAt(about.version);
    const high = Number(about.version >> 32n);
    const low = Number(about.version & 0xffffffffn);
    if (into.tail.hasEvent(high, low, value)) return;
    const { batch } = into;
    batch.begin(place.mark.committedAtMs);
    if (key === null) batch.nullKey();
    else {
      putBytes(batch.writer, key);
      batch.endKey();
    }
    putBytes(batch.writer, value);
    batch.endValue();
    batch.beginHeaders(4);
    batch.putHeaders(encodeHeaders({ [recordHeader.table]: about.table }));
    batch.beginHeader(versionName);
    this.#version.write(batch.writer, high, low);
    batch.endHeader();
    batch.beginHeader(positionName);
    writePosition(batch.writer, place, high, low);
    batch.endHeader();
    batch.beginHeader(transactionName);
    putText(batch.writer, place.mark.id);
    batch.endHeader();
    batch.endRecord();
    this.#context.batches.added(into, undefined);
  }

  #tableWriter({ table, schemaVersion }: RowsSection): TableWriter {
    const id = `${schemaVersion} ${table}`;
    const known = this.#tables.get(id);
    if (known !== undefined) return known;
    const schema = this.#context.schema(table, schemaVersion);
    if (schema === undefined) {
      throw new CdcError(
        'CDC_INTERNAL',
        `Writing rows of ${table}: there was no section with schema version ${schemaVersion} before.`,
      );
    }
    const headers = encodeHeaders({
      [recordHeader.table]: table,
      [recordHeader.schema]: schemaVersion,
    });
    const writer = { encoder: this.#context.format.encoder(schema), headers };
    this.#tables.set(id, writer);
    return writer;
  }
}

/** Goes along the transactions of a batch, as the rows of a section do. */
class SectionRun {
  readonly isStream: boolean;
  readonly #places: readonly ChangePlace[];
  readonly #highs: readonly number[];
  readonly #lows: readonly number[];
  #index = 0;

  constructor(batch: ChangeBatch) {
    const { origin, position, receivedAtMs } = batch;
    this.isStream = origin === 'stream';
    const marks = batch.marks?.length ? batch.marks : [wholeBatch(batch)];
    const dot = position.file.lastIndexOf('.') + 1;
    const file = { fileBase: position.file.slice(0, dot), fileDigits: position.file.length - dot };
    this.#places = marks.map((mark) => ({ origin, mark, receivedAtMs, ...file }));
    this.#highs = marks.map(({ end }) => Number(end >> 32n));
    this.#lows = marks.map(({ end }) => Number(end & 0xffffffffn));
  }

  /** The place of a row; versions must not fall from call to call. */
  placeOf(high: number, low: number): ChangePlace {
    const last = this.#places.length - 1;
    while (this.#index < last && this.#isBehind(high, low)) this.#index++;
    return this.#places[this.#index] as ChangePlace;
  }

  placeAt(version: Version): ChangePlace {
    return this.placeOf(Number(version >> 32n), Number(version & 0xffffffffn));
  }

  #isBehind(high: number, low: number): boolean {
    const end = this.#highs[this.#index] ?? 0;
    return high > end || (high === end && low >= (this.#lows[this.#index] ?? 0));
  }
}

/** A batch without marks counts as one transaction. */
function wholeBatch({ position, committedAtMs }: ChangeBatch): TransactionMark {
  return { end: maxVersion, id: renderPosition(position), committedAtMs };
}

function putText(to: ByteWriter, text: string): void {
  to.reserve(text.length * 3);
  to.offset += to.buffer.write(text, to.offset);
}

function putBytes(to: ByteWriter, bytes: Buffer): void {
  to.reserve(bytes.length);
  to.offset += bytes.copy(to.buffer, to.offset);
}
