import type { ChangeBatch, Section } from '../../change/change-batch.ts';
import { type Position, packVersion, type Version, versionOf } from '../../change/position.ts';
import type { TableId } from '../../change/table-id.ts';
import type { TableSchema } from '../../change/table-schema.ts';
import { CdcError, type Problem } from '../../errors.ts';
import type { SnapshotItem, SnapshotProgress, Source, StreamItem } from '../source.ts';
import { MemoryTable } from './memory-table.ts';
import { encodeRow, type MemoryRow } from './row-encoder.ts';

/** One change of a transaction. An update names the row by its old key when the key changes. */
export type MemoryChange =
  | { readonly insert: TableId; readonly row: MemoryRow }
  | { readonly update: TableId; readonly key?: MemoryRow; readonly row: MemoryRow }
  | { readonly delete: TableId; readonly row: MemoryRow };

export interface MemorySourceOptions {
  readonly chunkRows?: number;
  /** A transaction with more rows is streamed in open parts of this many. */
  readonly partRows?: number;
  /** What the reader knows already; see `snapshot` of Source. */
  readonly knownSchema?: (table: TableId) => TableSchema | undefined;
}

const serverId = 'memory';
const fileNumber = 1;
const file = 'memory.000001';

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
  readonly #knownSchema: (table: TableId) => TableSchema | undefined;
  readonly #snapshotListeners: ((table: TableId) => void)[] = [];
  #excluded: ReadonlySet<TableId> = new Set();
  /** Grows by one for each row, section or commit, so that each has a version of its own. */
  #offset = 4;
  #waiting: (() => void)[] = [];

  constructor(options: MemorySourceOptions = {}) {
    this.#chunkRows = options.chunkRows ?? 1000;
    this.#partRows = options.partRows ?? 10_000;
    this.#knownSchema = options.knownSchema ?? (() => undefined);
  }

  /** Creates a table with rows that were there before the history began, or replaces its definition. */
  createTable(schema: TableSchema, rows: readonly MemoryRow[] = []): void {
    this.#tables.set(schema.table, new MemoryTable(schema, rows));
    this.#schemas.set(schema.version, schema);
  }

  /** Commits the changes as one transaction; returns the place after it. */
  commit(changes: readonly MemoryChange[]): Position {
    const sections = changes.flatMap((change) => this.#apply(change));
    return this.#append(sections);
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
    const position = this.#append([
      {
        kind: 'schema',
        table: schema.table,
        schema,
        existingRows,
        ...(defaults && { defaults }),
        version: this.#nextVersion(),
      },
    ]);
    if (existingRows === 'resnapshot') {
      for (const listener of this.#snapshotListeners) listener(schema.table);
    }
    return position;
  }

  truncateTable(table: TableId): Position {
    this.#table(table).clear();
    return this.#append([{ kind: 'truncate', table, version: this.#nextVersion() }]);
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
      const bytes = Buffer.concat(rows.map((row) => encodeRow(schema, row, version, false)));
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
      return [this.#row(table, change.row, false)];
    }
    if ('delete' in change) {
      const table = this.#table(change.delete);
      const old = table.get(change.row);
      table.remove(old);
      return [this.#row(table, old, true)];
    }
    const table = this.#table(change.update);
    const old = table.get(change.key ?? change.row);
    const row = { ...old, ...change.row };
    if (table.hasSameKey(old, row)) {
      table.put(row);
      return [this.#row(table, row, false)];
    }
    table.remove(old);
    table.put(row);
    return [this.#row(table, old, true), this.#row(table, row, false)];
  }

  #row({ schema }: MemoryTable, row: MemoryRow, deleted: boolean): Section {
    return rowsSection(schema, 1, encodeRow(schema, row, this.#nextVersion(), deleted));
  }

  #append(sections: readonly Section[]): Position {
    this.#offset++;
    const position = this.#position(this.#offset);
    for (let at = 0; at === 0 || at < sections.length; at += this.#partRows) {
      const part = mergeNeighbours(sections.slice(at, at + this.#partRows));
      const open = at + this.#partRows < sections.length;
      this.#history.push({ batch: batchOf('stream', part, position, open ? 0 : 1), open });
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

function rowsSection(schema: TableSchema, rowCount: number, bytes: Buffer): Section {
  const { table, version: schemaVersion } = schema;
  return { kind: 'rows', table, schemaVersion, rowCount, bytes };
}

function batchOf(
  origin: ChangeBatch['origin'],
  sections: readonly Section[],
  position: Position,
  transactions = 0,
): ChangeBatch {
  const now = Date.now();
  return { origin, sections, position, transactions, committedAtMs: now, receivedAtMs: now };
}

/** Rows of one table that follow one another become one section. */
function mergeNeighbours(sections: readonly Section[]): Section[] {
  const merged: Section[] = [];
  for (const section of sections) {
    const last = merged.at(-1);
    if (
      last?.kind === 'rows' &&
      section.kind === 'rows' &&
      last.table === section.table &&
      last.schemaVersion === section.schemaVersion
    ) {
      merged[merged.length - 1] = {
        ...last,
        rowCount: last.rowCount + section.rowCount,
        bytes: Buffer.concat([last.bytes, section.bytes]),
      };
    } else {
      merged.push(section);
    }
  }
  return merged;
}

function without(item: StreamItem, excluded: ReadonlySet<TableId>): StreamItem {
  if (excluded.size === 0) return item;
  const sections = item.batch.sections.filter(({ table }) => !excluded.has(table));
  return { ...item, batch: { ...item.batch, sections } };
}
