import type { Section } from '../../change/change-batch.ts';
import { type Position, packVersion, type Version, versionOf } from '../../change/position.ts';
import type { TableId } from '../../change/table-id.ts';
import type { TableSchema } from '../../change/table-schema.ts';
import { CdcError, type Problem } from '../../errors.ts';
import type { SnapshotItem, SnapshotProgress, Source, StreamItem } from '../source.ts';
import { batchOf, inParts, rowsSection, without } from './memory-batches.ts';
import { MemoryTable } from './memory-table.ts';
import { encodeRow, type MemoryRow, type RowFlag, rowFlag } from './row-encoder.ts';

/** One change of a transaction. An update names the row by its old key when the key changes. */
export type MemoryChange =
  | { readonly insert: TableId; readonly row: MemoryRow }
  | { readonly update: TableId; readonly key?: MemoryRow; readonly row: MemoryRow }
  | { readonly delete: TableId; readonly row: MemoryRow };

export interface MemorySourceOptions {
  readonly chunkRows?: number;
  /** A transaction with more rows is streamed in open parts of this many. */
  readonly partRows?: number;
  /** See Source. Default: `rows`. */
  readonly detail?: 'rows' | 'changes';
  /** What the reader knows already; see `snapshot` of Source. */
  readonly knownSchema?: (table: TableId) => TableSchema | undefined;
}

const serverId = 'memory';
const fileNumber = 1;
const file = 'memory.000001';
const firstOffset = 4;

/**
 * A source whose tables and history are in this process: a program commits transactions, and the
 * reader follows them as it would follow a server. For tests, trials and as the plainest
 * reading of the contract.
 */
export class MemorySource implements Source {
  readonly #tables = new Map<TableId, MemoryTable>();
  readonly #history: StreamItem[] = [];
  /** Every definition a table has had, by its version. */
  readonly #schemas = new Map<string, TableSchema>();
  readonly #chunkRows: number;
  readonly #partRows: number;
  readonly #detail: 'rows' | 'changes';
  readonly #knownSchema: (table: TableId) => TableSchema | undefined;
  readonly #snapshotListeners: ((table: TableId) => void)[] = [];
  #excluded: ReadonlySet<TableId> = new Set();
  /** Grows by one for each row, section or commit, so that each has a version of its own. */
  #offset = firstOffset;
  #waiting: (() => void)[] = [];

  constructor(options: MemorySourceOptions = {}) {
    this.#chunkRows = options.chunkRows ?? 1000;
    this.#partRows = options.partRows ?? 10_000;
    this.#detail = options.detail ?? 'rows';
    this.#knownSchema = options.knownSchema ?? (() => undefined);
  }

  /** Creates a table with rows that were there before the history began, or replaces its definition. */
  createTable(schema: TableSchema, rows: readonly MemoryRow[] = []): void {
    this.#tables.set(schema.table, new MemoryTable(schema, rows));
    this.#schemas.set(schema.version, schema);
  }

  /** Commits the changes as one transaction; returns the place after it. */
  commit(changes: readonly MemoryChange[]): Position {
    return this.#append(changes.map((change) => this.#apply(change)));
  }

  /** Changes a table's columns. `rows` are what becomes of its rows; absent: as they are. */
  alterTable(
    schema: TableSchema,
    effect: {
      readonly existingRows: 'keep' | 'resnapshot';
      readonly defaults?: Readonly<Record<string, string>>;
      readonly rows?: readonly MemoryRow[];
    },
  ): Position {
    const { existingRows, defaults } = effect;
    this.createTable(schema, effect.rows ?? this.#table(schema.table).rows());
    const version = this.#nextVersion();
    const { table } = schema;
    const known = defaults && { defaults };
    const position = this.#append([
      [{ kind: 'schema', table, schema, existingRows, ...known, version }],
    ]);
    if (existingRows === 'resnapshot') {
      for (const listener of this.#snapshotListeners) listener(schema.table);
    }
    return position;
  }

  truncateTable(table: TableId): Position {
    this.#table(table).clear();
    return this.#append([[{ kind: 'truncate', table, version: this.#nextVersion() }]]);
  }

  async describe(): Promise<{ server: string; version: string }> {
    return { server: 'memory', version: '1' };
  }

  async preflight(): Promise<Problem[]> {
    return [];
  }

  async tables(): Promise<TableSchema[]> {
    const schemas = [...this.#tables.values()].map(({ schema }) => schema);
    return schemas.sort((left, right) => (left.table < right.table ? -1 : 1));
  }

  async currentPosition(): Promise<Position> {
    return this.#position(this.#offset);
  }

  async endPosition(from?: Position): Promise<{ position: Position; bytes: number }> {
    const position = this.#position(this.#offset);
    return { position, bytes: from === undefined ? -1 : position.offset - from.offset };
  }

  async *stream(from: Position, signal: AbortSignal): AsyncGenerator<StreamItem> {
    const excluded = this.#excluded;
    const declared = new Map<TableId, string>();
    let next = this.#history.findIndex((item) => item.batch.position.offset > from.offset);
    if (next < 0) next = this.#history.length;
    const wake = () => this.#wake();
    signal.addEventListener('abort', wake);
    try {
      while (!signal.aborted) {
        const item = this.#history[next];
        if (item === undefined) {
          await new Promise<void>((resolve) => this.#waiting.push(resolve));
          continue;
        }
        next++;
        yield this.#declare(without(item, excluded), declared);
      }
    } finally {
      signal.removeEventListener('abort', wake);
    }
  }

  async *snapshot(
    table: TableId,
    resume: SnapshotProgress | undefined,
    signal: AbortSignal,
  ): AsyncGenerator<SnapshotItem> {
    const { schema } = this.#table(table);
    const declared = this.#knownSchema(table)?.version === schema.version;
    let progress = resume?.schemaVersion === schema.version ? resume : undefined;
    while (!signal.aborted && progress?.done !== true) {
      const declaration = progress === undefined && !declared ? schema : undefined;
      const item = this.#chunk(table, progress, declaration);
      progress = item.progress;
      yield item;
    }
  }

  onSnapshotNeeded(listener: (table: TableId) => void): void {
    this.#snapshotListeners.push(listener);
  }

  exclude(tables: ReadonlySet<TableId>): void {
    this.#excluded = tables;
  }

  async estimateRows(table: TableId): Promise<number> {
    return this.#table(table).size;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#wake();
  }

  /** Puts the schema in front of the first rows of a table that the reader does not know. */
  #declare(item: StreamItem, declared: Map<TableId, string>): StreamItem {
    const sections = item.batch.sections.flatMap((section): Section[] => {
      const { table } = section;
      if (section.kind === 'schema') declared.set(table, section.schema.version);
      if (section.kind !== 'rows') return [section];
      const known = declared.get(table) ?? this.#knownSchema(table)?.version;
      const schema = this.#schemas.get(section.schemaVersion);
      if (known === section.schemaVersion || schema === undefined) return [section];
      declared.set(table, schema.version);
      const version = versionOf(item.batch.position);
      return [{ kind: 'schema', table, schema, existingRows: 'keep', version }, section];
    });
    return { ...item, batch: { ...item.batch, sections } };
  }

  /** Nothing commits between the two watermarks here, so low and high are the same place. */
  #chunk(
    table: TableId,
    resume: SnapshotProgress | undefined,
    declaration: TableSchema | undefined,
  ): SnapshotItem {
    const source = this.#table(table);
    const { schema } = source;
    const position = this.#position(this.#offset);
    const version = versionOf(position);
    const firstVersion = resume?.firstVersion ?? String(version);
    const rows = source.after(resume?.lastKey, this.#chunkRows);
    const last = rows.at(-1);
    const done = rows.length < this.#chunkRows;
    const sections: Section[] = [];
    if (declaration) {
      const existingRows = this.#knownSchema(table) === undefined ? 'keep' : 'resnapshot';
      sections.push({ kind: 'schema', table, schema: declaration, existingRows, version });
    }
    if (last) {
      const bytes = Buffer.concat(rows.map((row) => encodeRow(schema, row, version, rowFlag.kept)));
      sections.push(rowsSection(schema, rows.length, bytes));
    }
    if (done) sections.push({ kind: 'sweep', table, version: BigInt(firstVersion) });
    const lastKey = last ? source.keyOf(last) : resume?.lastKey;
    const progress: SnapshotProgress = {
      table,
      schemaVersion: schema.version,
      firstVersion,
      ...(lastKey && { lastKey }),
      rows: (resume?.rows ?? 0) + rows.length,
      chunks: (resume?.chunks ?? 0) + 1,
      done,
    };
    return { batch: batchOf('snapshot', sections, position), progress };
  }

  #apply(change: MemoryChange): Section[] {
    if ('insert' in change) {
      const table = this.#table(change.insert);
      table.put(change.row);
      return [this.#row(table, change.row, rowFlag.kept)];
    }
    if ('delete' in change) {
      const table = this.#table(change.delete);
      const old = table.get(change.row);
      table.remove(old);
      return [this.#row(table, old, rowFlag.deleted)];
    }
    const table = this.#table(change.update);
    const old = table.get(change.key ?? change.row);
    const row = { ...old, ...change.row };
    if (table.hasSameKey(old, row)) {
      table.put(row);
      const before = this.#detail === 'changes' ? [this.#row(table, old, rowFlag.before)] : [];
      return [...before, this.#row(table, row, rowFlag.kept)];
    }
    table.remove(old);
    table.put(row);
    return [this.#row(table, old, rowFlag.deleted), this.#row(table, row, rowFlag.kept)];
  }

  #row({ schema }: MemoryTable, row: MemoryRow, flag: RowFlag): Section {
    const section = rowsSection(schema, 1, encodeRow(schema, row, this.#nextVersion(), flag));
    return this.#detail === 'changes' ? { ...section, hasBeforeImages: true } : section;
  }

  /** Commits a transaction, given as the sections of each change. */
  #append(changes: readonly (readonly Section[])[]): Position {
    const begin = this.#history.at(-1)?.batch.position.offset ?? firstOffset;
    this.#offset++;
    const position = this.#position(this.#offset);
    const batch = batchOf('stream', [], position);
    const { committedAtMs } = batch;
    const mark = { end: versionOf(position), id: `${file}:${begin}`, committedAtMs };
    const marks = this.#detail === 'changes' ? { marks: [mark] } : {};
    const parts = inParts(changes, this.#partRows);
    for (const [index, sections] of parts.entries()) {
      const open = index < parts.length - 1;
      const transactions = open ? 0 : 1;
      this.#history.push({ batch: { ...batch, sections, transactions, ...marks }, open });
    }
    this.#wake();
    return position;
  }

  #table(id: TableId): MemoryTable {
    const table = this.#tables.get(id);
    if (table !== undefined) return table;
    throw new CdcError('CDC_TABLE_NOT_FOUND', `the source has no table ${id}`, {
      details: { table: id },
    });
  }

  #nextVersion(): Version {
    return packVersion(0, fileNumber, this.#offset++);
  }

  #position(offset: number): Position {
    return { epoch: 0, file, offset, serverId };
  }

  #wake(): void {
    for (const resume of this.#waiting.splice(0)) resume();
  }
}
