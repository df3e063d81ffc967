import type { RowsSection } from '../../change/change-batch.ts';
import type { Version } from '../../change/position.ts';
import type { TableId } from '../../change/table-id.ts';
import type { TableSchema } from '../../change/table-schema.ts';
import { CdcError } from '../../errors.ts';
import type { ChangeEncoder, ChangeFormat, EventMessage } from '../../format/change-format.ts';
import { partitionOf } from '../../kafka/murmur2.ts';
import { encodeHeaderName, encodeHeaders } from '../../kafka/record-batch-writer.ts';
import { ByteWriter } from '../../lib/byte-writer.ts';
import type { BatchPlaces, RecordPlace } from './batch-places.ts';
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
  /** Changes say which of their transaction they are. */
  readonly countsChanges: boolean;
  readonly schema: (table: TableId, version: string) => TableSchema | undefined;
}

const versionName = encodeHeaderName(recordHeader.version);
const positionName = encodeHeaderName(recordHeader.position);

/** An encoder with what every record of its table says in the headers. */
interface TableWriter {
  readonly encoder: ChangeEncoder;
  readonly headers: Buffer;
}

/** A row of a section, and the place of it or of one before. */
interface RowPlace {
  readonly at: number;
  readonly place: number;
}

/** What the headers of an event say. */
export interface EventPlace {
  readonly table?: TableId;
  readonly version: Version;
  readonly place: RecordPlace;
}

const noHeaders = Buffer.alloc(0);

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
    places: BatchPlaces,
    partitions: readonly PartitionBatch[],
    sink: WriteSink,
  ): Promise<void> {
    const table = this.#tableWriter(section);
    const end = section.bytes.length;
    for (let from = { at: 0, place: 0 }; from.at < end; ) {
      from = this.#writeSome(table, section, from, places, partitions, sink);
      await this.#context.batches.room();
    }
  }

  /** Changes from a place on until a batch was sent; returns where the next one begins. */
  #writeSome(
    { encoder, headers }: TableWriter,
    { bytes, table }: RowsSection,
    from: RowPlace,
    places: BatchPlaces,
    partitions: readonly PartitionBatch[],
    sink: WriteSink,
  ): RowPlace {
    const { batches } = this.#context;
    const key = this.#key;
    let { at, place: index } = from;
    while (at < bytes.length) {
      at = encoder.read(bytes, at);
      const { versionHigh, versionLow } = encoder;
      index = places.find(versionHigh, versionLow, index);
      const place = places.all[index] as RecordPlace;
      key.offset = 0;
      encoder.writeKey(key);
      const number = partitionOf(key.buffer, partitions.length, 0, key.offset);
      const into = partitions[number] as PartitionBatch;
      if (this.#context.countsChanges) count(place, table);
      if (places.isStream && into.tail.hasRow(versionHigh, versionLow)) {
        sink.claimed(into, table, into.tail.claim(versionHigh, versionLow));
        continue;
      }
      this.#writeChange(encoder, headers, place, table, into);
      const early = batches.sendIfTooLarge(into);
      if (early !== undefined) sink.sent(early);
      if (this.#context.hasTombstones && encoder.operation === 'delete') {
        this.#writeTombstone(encoder, headers, place, into);
      }
      if (batches.added(into, table)) {
        sink.sent(batches.send(into));
        break;
      }
    }
    return { at, place: index };
  }

  #writeChange(
    encoder: ChangeEncoder,
    headers: Buffer,
    place: RecordPlace,
    table: TableId,
    { batch }: PartitionBatch,
  ): void {
    const { total, byTable } = place.changes;
    batch.begin(place.mark.committedAtMs);
    this.#putKey(batch.writer);
    batch.endKey();
    encoder.writeValue(batch.writer, place, total, total === 0 ? 0 : byTable.get(table));
    batch.endValue();
    this.#putHeaders(encoder, headers, place, batch);
    batch.endRecord();
  }

  #writeTombstone(
    encoder: ChangeEncoder,
    headers: Buffer,
    place: RecordPlace,
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
    { versionHigh, versionLow }: VersionHalves,
    headers: Buffer,
    place: RecordPlace,
    batch: PartitionBatch['batch'],
    ownHeaders = 2,
  ): void {
    const isStream = place.origin === 'stream';
    batch.beginHeaders(ownHeaders + (isStream ? 3 : 2));
    batch.putHeaders(headers);
    batch.beginHeader(versionName);
    this.#version.write(batch.writer, versionHigh, versionLow);
    batch.endHeader();
    batch.beginHeader(positionName);
    writePosition(batch.writer, place.file, versionHigh, versionLow);
    batch.endHeader();
    // It tells a change of the stream from a row of a snapshot.
    if (isStream) batch.putHeaders(place.transaction);
  }

  /** One event into one partition; an event that is there already is left out. */
  writeEvent({ key, value }: EventMessage, about: EventPlace, into: PartitionBatch): void {
    const { place, table, version } = about;
    const high = Number(version >> 32n);
    const low = Number(version & 0xffffffffn);
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
    const halves = { versionHigh: high, versionLow: low };
    const headers =
      table === undefined ? noHeaders : encodeHeaders({ [recordHeader.table]: table });
    this.#putHeaders(halves, headers, place, batch, table === undefined ? 0 : 1);
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

function count({ changes }: RecordPlace, table: TableId): void {
  changes.total++;
  changes.byTable.set(table, (changes.byTable.get(table) ?? 0) + 1);
}

interface VersionHalves {
  readonly versionHigh: number;
  readonly versionLow: number;
}

function putBytes(to: ByteWriter, bytes: Buffer): void {
  to.reserve(bytes.length);
  to.offset += bytes.copy(to.buffer, to.offset);
}
