import type { Logger } from '../../ops/logger.ts';
import type { ObjectStore } from '../lake/store/object-store.ts';
import { incompatibleTable, staleProgress } from '../sink-errors.ts';
import { quoteName, quoteText } from './hive-names.ts';
import type { HiveSessions } from './hive-sessions.ts';
import {
  type BegunPart,
  partFolder,
  type RetiredPart,
  type StateColumn,
  type StateFiles,
  type StoredState,
  type TablePart,
  type TableState,
} from './table-state.ts';
import { createView, type HivePlace, ownTypes, partTable, viewOf } from './view-sql.ts';

/** What all tables of a sink have in common. */
export interface HiveStore {
  readonly sessions: Pick<HiveSessions, 'run' | 'rows' | 'all' | typeof Symbol.asyncDispose>;
  readonly files: Omit<ObjectStore, 'parquet'>;
  readonly states: StateFiles;
  readonly database: string;
  /** Of the files' folder, as Hive names it; without a slash at its end. */
  readonly location: string;
  readonly format: 'parquet' | 'orc';
  readonly compactFiles: number;
  readonly keepOldMs: number;
  readonly keepDeletedMs: number;
  readonly logger: Logger;
}

/**
 * One table in Hive: a view over parts, and the state that says which. Whatever is done follows this order, so that a process
 * that ends anywhere leaves a view that shows everything committed:
 *
 *     files and tables of new parts ──> view ──> state ──> (later) old parts are deleted
 */
export class HiveTable {
  readonly source: string;
  readonly place: HivePlace;
  readonly store: HiveStore;
  /** Files there were when a compaction failed; 0: none has. */
  failedFiles = 0;
  #stored: StoredState | undefined;
  #isKnown = false;
  /** The view shows what the state says; a process cannot know that of the one before it. */
  #isShown = false;

  constructor(source: string, target: string, store: HiveStore) {
    this.source = source;
    this.place = { database: store.database, target };
    this.store = store;
  }

  /** The state as it was when it was last read or written here; undefined: there is no such table. */
  async state(): Promise<TableState | undefined> {
    if (!this.#isKnown) this.know(await this.store.states.read(this.place.target));
    return this.#stored?.state;
  }

  /** Takes over what has been read elsewhere. */
  know(stored: StoredState | undefined): void {
    if (stored?.revision !== this.#stored?.revision) this.#isShown = false;
    this.#stored = stored;
    this.#isKnown = true;
  }

  /** Something broke off: the state is read again before it is used. */
  forget(): void {
    this.#isKnown = false;
    this.#isShown = false;
  }

  /** The state, if its progress is the one expected. Throws CDC_SINK_STALE, CDC_SINK_INCOMPATIBLE. */
  async following(sequence: number): Promise<TableState> {
    const isAt = (each: TableState | undefined) => (each?.progress?.sequence ?? 0) === sequence;
    let state = await this.state();
    if (!isAt(state)) {
      this.forget();
      state = await this.state();
    }
    if (!isAt(state)) {
      throw staleProgress(this.source, state?.progress?.sequence ?? 0, sequence);
    }
    if (state === undefined || state.parts.length === 0) {
      throw incompatibleTable(this.source, 'it is missing in the store.');
    }
    await this.showKnown(state);
    return state;
  }

  /** Makes the view show what `state` says, unless it does. */
  async showKnown(state: TableState): Promise<void> {
    if (!this.#isShown) await this.show(state);
  }

  /** The same for a state that is about to be committed. */
  async show(state: TableState): Promise<void> {
    this.#isShown = false;
    await this.store.sessions.run(createView(this.place, state));
    this.#isShown = true;
  }

  /** Keeps a state that the view shows already. Throws CDC_SINK_STALE when another process was faster. */
  async commit(state: TableState): Promise<TableState> {
    const { states } = this.store;
    const expected = this.#stored?.state.progress?.sequence ?? 0;
    const written = await states.write(this.place.target, state, this.#stored?.revision ?? 0);
    if (written !== undefined) {
      this.#stored = written;
      this.#isKnown = true;
      return state;
    }
    this.forget();
    // The view may be ours by now; theirs is the right one.
    const theirs = await this.state();
    if (theirs !== undefined && theirs.parts.length > 0) await this.show(theirs);
    throw staleProgress(this.source, theirs?.progress?.sequence ?? 0, expected);
  }

  /**
   * Takes the numbers of new parts for good, whatever happens to them: a number is never used again, because the view may show what
   * a process that ended on the way has made of it.
   */
  async begin(
    state: TableState,
    kinds: readonly BegunPart['kind'][],
  ): Promise<{ state: TableState; parts: readonly BegunPart[] }> {
    const parts = kinds.map((kind, index) => ({ kind, id: state.nextPart + index }));
    const next = state.nextPart + kinds.length;
    const begun = [...state.begun, ...parts];
    return { state: await this.commit({ ...state, nextPart: next, begun }), parts };
  }

  /** Shows and keeps a state with other parts; those that it no longer has, and those never finished, are deleted later. */
  async replaceParts(
    state: TableState,
    parts: readonly TablePart[],
    retired: readonly RetiredPart[] = [],
  ): Promise<TableState> {
    const kept = new Set(parts.map(({ id }) => id));
    const lost = state.begun.filter(({ id }) => !kept.has(id)).map((part) => this.retire(part));
    const next = { ...state, parts, begun: [], retired: [...state.retired, ...retired, ...lost] };
    await this.show(next);
    return this.commit(next);
  }

  retire({ id, kind }: BegunPart): RetiredPart {
    const part = { id, kind };
    return { part, folders: [partFolder(this.place.target, part)], at: Date.now() };
  }

  /** Creates Hive's table of a part that Hive writes. */
  async createPart(
    part: BegunPart,
    columns: readonly StateColumn[],
    partition?: TableState['partition'],
  ): Promise<TablePart> {
    await this.store.sessions.run(this.createPartSql(part, columns, partition));
    const empty = { ...part, columns, files: 0, bytes: 0 };
    return { ...empty, ...(partition !== undefined && { partition }) };
  }

  /** The same for a part that we write: its folder has to be ours, and not that of Hive's user, who would create it. */
  async createDelta(part: BegunPart, columns: readonly StateColumn[]): Promise<TablePart> {
    // Hive does not read files whose names begin like this.
    const name = `${partFolder(this.place.target, part)}_cdc`;
    await this.store.files.put(name, Buffer.from('Written by cdc.\n'));
    return this.createPart(part, columns);
  }

  createPartSql(
    part: BegunPart,
    columns: readonly StateColumn[],
    partition?: TableState['partition'],
  ): string {
    const all = [...columns, ...ownTypes].map(({ name, type }) => `${quoteName(name)} ${type}`);
    const by =
      partition === undefined ? '' : ` PARTITIONED BY (${quoteName(partition.name)} STRING)`;
    // Counts in the metastore would be wrong: files come without Hive being told, and some queries are answered from them.
    return (
      `CREATE EXTERNAL TABLE IF NOT EXISTS ${partTable(this.place, part)} (${all.join(', ')})${by} ` +
      `STORED AS ${this.store.format.toUpperCase()} LOCATION ${quoteText(this.locationOf(partFolder(this.place.target, part)))} ` +
      `TBLPROPERTIES ('DO_NOT_UPDATE_STATS'='true', 'external.table.purge'='false')`
    );
  }

  /** A folder of ours as Hive names it. */
  locationOf(folder: string): string {
    return `${this.store.location}/${folder.replace(/\/$/, '')}`;
  }

  /** Deletes what nobody reads any more. */
  async purge(state: TableState): Promise<TableState> {
    const before = Date.now() - this.store.keepOldMs;
    const due = state.retired.filter(({ at }) => at <= before);
    if (due.length === 0) return state;
    for (const { part, folders } of due) {
      if (part !== undefined) await this.#dropPart(part);
      for (const folder of folders) await this.#deleteFolder(folder);
    }
    const left = state.retired.filter((each) => !due.includes(each));
    return this.commit({ ...state, retired: left });
  }

  /** Removes everything, the state last. */
  async drop(): Promise<void> {
    const state = await this.state();
    const { target } = this.place;
    if (state !== undefined) {
      await this.store.sessions.run(`DROP VIEW IF EXISTS ${viewOf(this.place)}`);
      const retired = state.retired.flatMap(({ part }) => part ?? []);
      for (const part of [...state.parts, ...state.begun, ...retired]) await this.#dropPart(part);
    }
    const files = await this.store.files.list(`${target}/`);
    const states = files.filter(({ name }) => name.startsWith(`${target}/_state/`));
    const others = files.filter((file) => !states.includes(file));
    for (const { name } of [...others, ...states]) await this.store.files.delete(name);
    this.forget();
  }

  async #dropPart(part: BegunPart): Promise<void> {
    await this.store.sessions.run(`DROP TABLE IF EXISTS ${partTable(this.place, part)}`);
  }

  async #deleteFolder(folder: string): Promise<void> {
    for (const { name } of await this.store.files.list(folder)) await this.store.files.delete(name);
  }
}
