import type { ChangeBatch } from '../../change/change-batch.ts';
import type { TableId } from '../../change/table-id.ts';
import type { TableSchema } from '../../change/table-schema.ts';
import { CdcError } from '../../errors.ts';
import { type Append, AppendQueue } from '../append-queue.ts';
import { Arrivals } from '../arrivals.ts';
import type { AppendOptions, ChangeLog, LogEntry, LogOffset } from '../change-log.ts';
import { onlyWanted, sectionBytes } from '../wanted-sections.ts';

/**
 * A change log that lives as long as its process, for tests and for use as a library. It counts only
 * the bytes of rows, and keeps nothing that every consumer has read.
 */
export class MemoryLog implements ChangeLog {
  readonly #maxBytes: number;
  readonly #queue: AppendQueue<ChangeBatch>;
  readonly #arrivals = new Arrivals();
  readonly #consumers = new Map<string, LogOffset>();
  readonly #checkpoints = new Map<string, string>();
  readonly #schemas = new Map<TableId, Map<string, TableSchema>>();
  readonly #newest = new Map<TableId, TableSchema>();
  #entries: LogEntry[] = [];
  #first: LogOffset = 0;
  #open: Append<ChangeBatch>[] = [];

  constructor(options: { readonly maxBytes: number } = { maxBytes: Number.POSITIVE_INFINITY }) {
    this.#maxBytes = options.maxBytes;
    this.#queue = new AppendQueue({
      commit: (group) => this.#commitGroup(group),
      hasRoom: () => this.#consumers.size === 0 || this.stats().bytes <= this.#maxBytes,
      groupBytes: Number.POSITIVE_INFINITY,
    });
  }

  append(batches: readonly ChangeBatch[], options: AppendOptions = {}): Promise<LogOffset> {
    const bytes = batches.reduce((sum, batch) => sum + sectionBytes(batch), 0);
    return this.#queue.add({ batches, bytes, options });
  }

  async discardOpen(): Promise<void> {
    this.#open = [];
  }

  async read(
    offset: LogOffset,
    maxBytes: number,
    wants?: (table: TableId) => boolean,
  ): Promise<LogEntry[]> {
    if (offset < this.#first) {
      throw new CdcError(
        'CDC_INTERNAL',
        `Reading offset ${offset} of the log, which begins at ${this.#first}.`,
      );
    }
    let bytes = 0;
    const entries: LogEntry[] = [];
    for (const entry of this.#entries.slice(offset - this.#first)) {
      const batch = onlyWanted(entry.batch, wants);
      bytes += sectionBytes(batch);
      if (entries.length > 0 && bytes > maxBytes) break;
      entries.push({ ...entry, batch });
    }
    return entries;
  }

  async waitFor(offset: LogOffset, signal: AbortSignal): Promise<void> {
    if (offset >= this.end()) await this.#arrivals.waitFor(offset, signal);
  }

  end(): LogOffset {
    return this.#first + this.#entries.length;
  }

  checkpoint<T>(name: string): T | undefined {
    const text = this.#checkpoints.get(name);
    return text === undefined ? undefined : (JSON.parse(text) as T);
  }

  checkpoints<T>(prefix: string): Map<string, T> {
    const names = [...this.#checkpoints.keys()].filter((name) => name.startsWith(prefix)).sort();
    return new Map(names.map((name) => [name, JSON.parse(this.#checkpoints.get(name) ?? '') as T]));
  }

  schema(table: TableId, version: string): TableSchema | undefined {
    return this.#schemas.get(table)?.get(version);
  }

  schemas(): Map<TableId, TableSchema> {
    return new Map(this.#newest);
  }

  committed(consumer: string): LogOffset {
    const committed = this.#consumers.get(consumer) ?? this.#first;
    this.#consumers.set(consumer, committed);
    return committed;
  }

  async commit(consumer: string, offset: LogOffset): Promise<void> {
    this.#consumers.set(consumer, offset);
    const first = this.#minCommitted();
    this.#entries = this.#entries.slice(first - this.#first);
    this.#first = first;
    this.#queue.wake();
  }

  stats(): { entries: number; bytes: number; firstOffset: LogOffset; end: LogOffset } {
    const bytes = this.#entries.reduce((sum, { batch }) => sum + sectionBytes(batch), 0);
    return { entries: this.#entries.length, bytes, firstOffset: this.#first, end: this.end() };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#queue.close(new CdcError('CDC_INTERNAL', 'Appending to a change log that was closed.'));
    this.#arrivals.close();
  }

  #minCommitted(): LogOffset {
    return this.#consumers.size === 0 ? this.#first : Math.min(...this.#consumers.values());
  }

  #commitGroup(group: readonly Append<ChangeBatch>[]): LogOffset {
    for (const append of group) {
      if (append.options.open === true) {
        this.#open.push(append);
        continue;
      }
      const endsTransaction = append.batches.some(({ origin }) => origin === 'stream');
      const visible = endsTransaction ? [...this.#open, append] : [append];
      if (endsTransaction) this.#open = [];
      for (const part of visible) this.#show(part);
    }
    this.#arrivals.arrived(this.end());
    return this.end();
  }

  #show({ batches, options }: Append<ChangeBatch>): void {
    for (const batch of batches) {
      this.#entries.push({ offset: this.end(), next: this.end() + 1, batch });
      for (const section of batch.sections) {
        if (section.kind === 'schema') this.#remember(section.schema);
      }
    }
    for (const [name, value] of Object.entries(options.checkpoints ?? {})) {
      if (value === undefined) this.#checkpoints.delete(name);
      else this.#checkpoints.set(name, JSON.stringify(value));
    }
  }

  #remember(schema: TableSchema): void {
    const versions = this.#schemas.get(schema.table) ?? new Map<string, TableSchema>();
    this.#schemas.set(schema.table, versions.set(schema.version, schema));
    this.#newest.set(schema.table, schema);
  }
}
