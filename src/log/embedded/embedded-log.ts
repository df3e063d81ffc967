import type { LmdbCatalog } from '../../catalog/lmdb-catalog.ts';
import { decodeBatch, encodeBatch } from '../../change/batch-codec.ts';
import type { ChangeBatch, SchemaSection } from '../../change/change-batch.ts';
import type { TableId } from '../../change/table-id.ts';
import type { TableSchema } from '../../change/table-schema.ts';
import { CdcError } from '../../errors.ts';
import { type Append, AppendQueue } from '../append-queue.ts';
import { Arrivals } from '../arrivals.ts';
import type { AppendOptions, ChangeLog, LogEntry, LogOffset } from '../change-log.ts';
import { onlyWanted, sectionBytes } from '../wanted-sections.ts';
import { type LogEnds, LogTables } from './log-tables.ts';
import type { EmbeddedLogOptions } from './options.ts';

/** Larger commits are no faster, and the event loop waits for one. */
const groupBytes = 8 * 1024 ** 2;
/** Entries removed by one commit, so that making room never stops the log for long. */
const trimEntries = 1_000;
/** Entries in one answer, so that a read for a table that seldom changes never holds the event loop for long. */
const readEntries = 10_000;

/** A batch ready to be written, with what the log must know of it. */
interface EncodedBatch {
  readonly bytes: Buffer;
  readonly origin: ChangeBatch['origin'];
  readonly schemas: readonly SchemaSection[];
}

/** What becomes true when the open transaction ends. */
interface OpenPart {
  readonly schemas: readonly SchemaSection[];
  readonly checkpoints: Readonly<Record<string, unknown>>;
}

/**
 * The change log on disk, in the catalog's LMDB environment: batches, checkpoints, schemas and
 * consumer offsets commit together. Every read goes to LMDB, so a log over a catalog opened for
 * reading shows what the running process has committed; only that one may append or wait.
 * The catalog stays the caller's: close it after the log.
 */
export class EmbeddedLog implements ChangeLog {
  readonly #catalog: LmdbCatalog;
  readonly #tables: LogTables;
  readonly #options: Pick<EmbeddedLogOptions, 'maxBytes' | 'retainBytes'>;
  readonly #queue: AppendQueue<EncodedBatch>;
  readonly #arrivals = new Arrivals();
  #openParts: readonly OpenPart[] = [];
  #hasDroppedOpen = false;

  constructor(catalog: LmdbCatalog, options: Pick<EmbeddedLogOptions, 'maxBytes' | 'retainBytes'>) {
    this.#catalog = catalog;
    this.#tables = new LogTables(catalog.environment);
    this.#options = options;
    this.#queue = new AppendQueue({
      commit: (group) => this.#commitGroup(group),
      hasRoom: () => this.#hasRoom(),
      groupBytes,
    });
  }

  append(batches: readonly ChangeBatch[], options: AppendOptions = {}): Promise<LogOffset> {
    const encoded = batches.map(
      (batch): EncodedBatch => ({
        bytes: encodeBatch(batch),
        origin: batch.origin,
        schemas: batch.sections.filter((section) => section.kind === 'schema'),
      }),
    );
    const bytes = encoded.reduce((sum, batch) => sum + batch.bytes.length, 0);
    return this.#queue.add({ batches: encoded, bytes, options });
  }

  async discardOpen(): Promise<void> {
    this.#catalog.environment.write(() => this.#tables.dropOpen());
    this.#openParts = [];
  }

  async read(
    offset: LogOffset,
    maxBytes: number,
    wants?: (table: TableId) => boolean,
  ): Promise<LogEntry[]> {
    const { first, end } = this.#ends();
    if (offset < first) {
      throw new CdcError(
        'CDC_INTERNAL',
        `Reading offset ${offset} of the log, which begins at ${first}.`,
      );
    }
    const entries: LogEntry[] = [];
    let bytes = 0;
    for (let next = offset; next < end && entries.length < readEntries; next++) {
      const entry = this.#tables.entry(next);
      if (wants === undefined) bytes += entry?.size ?? 0;
      if (entries.length > 0 && bytes > maxBytes) break;
      const where = `entry ${next} of the change log in ${this.#catalog.environment.folder}`;
      const body = entry && this.#tables.body(entry.body);
      if (body === undefined) {
        throw new CdcError('CDC_LOG_CORRUPT', `Reading ${where}: it is missing.`);
      }
      const batch = onlyWanted(decodeBatch(body, where), wants);
      if (wants !== undefined) bytes += sectionBytes(batch);
      if (entries.length > 0 && bytes > maxBytes) break;
      entries.push({ offset: next, next: next + 1, batch });
    }
    return entries;
  }

  async waitFor(offset: LogOffset, signal: AbortSignal): Promise<void> {
    if (offset >= this.end()) await this.#arrivals.waitFor(offset, signal);
  }

  end(): LogOffset {
    return this.#ends().end;
  }

  checkpoint<T>(name: string): T | undefined {
    return this.#tables.json.get<T>(checkpointKey(name));
  }

  checkpoints<T>(prefix: string): Map<string, T> {
    return this.#entries<T>(checkpointKey(''), prefix);
  }

  schema(table: TableId, version: string): TableSchema | undefined {
    return this.#tables.json.get<TableSchema>(schemaKey(table, version));
  }

  schemas(): Map<TableId, TableSchema> {
    const schemas = new Map<TableId, TableSchema>();
    for (const [table, version] of this.#entries<string>(newestKey(''))) {
      const schema = this.schema(table, version);
      if (schema !== undefined) schemas.set(table, schema);
    }
    return schemas;
  }

  committed(consumer: string): LogOffset {
    const committed = this.#tables.json.get<LogOffset>(consumerKey(consumer));
    if (committed !== undefined) return committed;
    const { first } = this.#ends();
    if (!this.#catalog.environment.readOnly) this.#writeCommitted(consumer, first);
    return first;
  }

  async commit(consumer: string, offset: LogOffset): Promise<void> {
    let isTrimming = this.#writeCommitted(consumer, offset);
    this.#queue.wake();
    while (isTrimming) {
      await new Promise(setImmediate);
      isTrimming = this.#writeCommitted(consumer, offset);
    }
  }

  stats(): { entries: number; bytes: number; firstOffset: LogOffset; end: LogOffset } {
    const ends = this.#ends();
    const bytes = ends.endByte - this.#tables.startByte(ends.first, ends);
    return { entries: ends.end - ends.first, bytes, firstOffset: ends.first, end: ends.end };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#queue.close(new CdcError('CDC_INTERNAL', 'Appending to a change log that was closed.'));
    this.#arrivals.close();
  }

  #ends(): LogEnds {
    this.#tables.refresh();
    return this.#tables.ends();
  }

  #entries<T>(namespace: string, prefix = ''): Map<string, T> {
    const found = this.#tables.json.entries<T>(namespace + prefix);
    return new Map([...found].map(([key, value]) => [key.slice(namespace.length), value]));
  }

  /** True when there is more to trim. */
  #writeCommitted(consumer: string, offset: LogOffset): boolean {
    return this.#catalog.environment.write(() => {
      this.#tables.json.set(consumerKey(consumer), offset);
      return this.#trim();
    });
  }

  /** Open parts are not counted: nobody can read them yet, so waiting for that would last forever. */
  #hasRoom(): boolean {
    const ends = this.#ends();
    const behind = ends.endByte - this.#tables.startByte(this.#minCommitted(ends), ends);
    return behind <= this.#options.maxBytes;
  }

  /** Everything before it has been read by every consumer; the end when there is no consumer. */
  #minCommitted(ends: LogEnds): LogOffset {
    return Math.min(ends.end, ...this.#entries<LogOffset>(consumerKey('')).values());
  }

  #commitGroup(group: readonly Append<EncodedBatch>[]): LogOffset {
    const { ends, openParts } = this.#catalog.environment.write(() => {
      // What a process that was killed had left open.
      if (!this.#hasDroppedOpen) this.#tables.dropOpen();
      let state = { ends: this.#tables.ends(), openParts: this.#openParts };
      for (const append of group) state = this.#write(append, state.ends, state.openParts);
      this.#tables.json.set('ends', state.ends);
      return state;
    });
    this.#hasDroppedOpen = true;
    this.#openParts = openParts;
    this.#arrivals.arrived(ends.end);
    return ends.end;
  }

  #write(
    { batches, options }: Append<EncodedBatch>,
    before: LogEnds,
    openParts: readonly OpenPart[],
  ): { ends: LogEnds; openParts: readonly OpenPart[] } {
    const bodies: { body: number; size: number }[] = [];
    let ends = before;
    for (const { bytes } of batches) {
      this.#tables.putBody(ends.nextBody, bytes);
      bodies.push({ body: ends.nextBody, size: bytes.length });
      ends = { ...ends, nextBody: ends.nextBody + 1 };
    }
    const part = {
      schemas: batches.flatMap(({ schemas }) => schemas),
      checkpoints: options.checkpoints ?? {},
    };
    if (options.open === true) {
      for (const { body, size } of bodies) this.#tables.putOpen(body, size);
      return { ends, openParts: [...openParts, part] };
    }
    const endsTransaction = batches.some(({ origin }) => origin === 'stream');
    const visible = endsTransaction ? [...this.#tables.takeOpen(), ...bodies] : bodies;
    for (const { body, size } of visible) {
      this.#tables.putEntry(ends.end, { body, startByte: ends.endByte, size });
      ends = { ...ends, end: ends.end + 1, endByte: ends.endByte + size };
    }
    for (const known of endsTransaction ? [...openParts, part] : [part]) this.#remember(known);
    return { ends, openParts: endsTransaction ? [] : openParts };
  }

  #remember({ schemas, checkpoints }: OpenPart): void {
    const { json } = this.#tables;
    for (const { table, schema } of schemas) {
      json.set(schemaKey(table, schema.version), schema);
      json.set(newestKey(table), schema.version);
    }
    for (const [name, value] of Object.entries(checkpoints)) json.set(checkpointKey(name), value);
  }

  /** Removes entries that every consumer has read, above `retainBytes`; true when more must go. */
  #trim(): boolean {
    const ends = this.#tables.ends();
    const readTo = this.#minCommitted(ends);
    const readToByte = this.#tables.startByte(readTo, ends);
    const isDue = (offset: LogOffset) =>
      offset < readTo &&
      readToByte - this.#tables.startByte(offset, ends) > this.#options.retainBytes;
    let first = ends.first;
    while (first - ends.first < trimEntries && isDue(first)) this.#tables.removeEntry(first++);
    if (first > ends.first) this.#tables.json.set('ends', { ...ends, first });
    return isDue(first);
  }
}

const checkpointKey = (name: string) => `checkpoint/${name}`;
const consumerKey = (name: string) => `consumer/${name}`;
const newestKey = (table: TableId) => `newest/${table}`;
const schemaKey = (table: TableId, version: string) => `schema/${table}/${version}`;
