import type { Progress } from '../sink.ts';
import type { ColumnAnnotation } from './parquet/footer.ts';

/**
 * A table of a lake: data files that never change, and a log of *snapshots*, each of which says which files there are, which of
 * their rows are dead, and how far the table is filled. A snapshot is there as a whole or not at all, because the file
 * that makes it exist is written only where none of its name is.
 *
 * - Data files hold the rows as they came, each with `_version` and `_deleted`. A row is *dead* when a row of a higher version
 *   has its key, or when it is a deletion.
 * - Formats that others understand say which rows are dead; in the plain one readers find out by the versions.
 */
export interface TableFormat {
  /** Data files lie below it: `data/`, or none. */
  readonly dataFolder: string;
  /** What the files of this format need to say that the engine does not (parquet/footer.ts). */
  annotations(table: LakeSchema): ReadonlyMap<string, ColumnAnnotation>;
  /** The newest snapshot in the store; undefined: no table. */
  read(): Promise<LakeSnapshot | undefined>;
  /** Throws `CommitConflict` when somebody else has made the next snapshot. */
  commit(before: LakeSnapshot | undefined, change: TableChange): Promise<LakeSnapshot>;
  /** Which rows of a file are dead is known without the other files. */
  readonly knowsDeadRows: boolean;
  /**
   * SELECT of `columns` of the rows that have to be kept when these files are written anew; of all files together these are the
   * current rows. `where`: only those, a condition over the key.
   */
  survivors(
    snapshot: LakeSnapshot,
    files: readonly DataFile[],
    columns: string,
    where?: string,
  ): Promise<string>;
  /** Removes what the log kept of snapshots older than `before`, in ms, and does not need. */
  expire(snapshot: LakeSnapshot, before: number): Promise<void>;
  /** Names of all files besides the log's own that the snapshot needs. */
  references(snapshot: LakeSnapshot): ReadonlySet<string>;
}

export interface LakeSnapshot {
  /** Number in the log, from 0. */
  readonly version: number;
  readonly table: LakeSchema;
  readonly progress: Progress | undefined;
  readonly files: readonly DataFile[];
}

export interface LakeSchema {
  /** In the warehouse. */
  readonly source: string;
  readonly columns: readonly LakeColumn[];
  readonly key: readonly string[];
  readonly comment?: string;
  /** Ids up to it were given to columns, also to such as are gone. */
  readonly lastId: number;
  /** Names of columns that are gone, but perhaps still in data files. */
  readonly dropped: readonly string[];
}

export interface LakeColumn {
  /** The same as long as the column lives. */
  readonly id: number;
  readonly name: string;
  readonly type: LakeType;
  readonly comment?: string;
}

/** As Delta names them, but for `int`, its `integer`; `timestamp` is in UTC, `timestamp_ntz` the wall clock. */
export type LakeType =
  | 'byte'
  | 'short'
  | 'int'
  | 'long'
  | 'float'
  | 'double'
  | 'date'
  | 'timestamp'
  | 'timestamp_ntz'
  | 'string'
  | 'binary'
  | `decimal(${number},${number})`;

export interface DataFile {
  /** Relative to the table. */
  readonly name: string;
  readonly bytes: number;
  readonly rows: number;
  /** Rows that are dead; 0 where the format does not say. */
  readonly deadRows: number;
  /** Made by compaction of all files of the time, so without deletions. */
  readonly isBase: boolean;
}

export interface TableChange {
  readonly operation: 'create' | 'alter' | 'write' | 'sweep' | 'compact';
  readonly table?: LakeSchema;
  readonly progress?: Progress;
  readonly added?: readonly DataFile[];
  readonly removed?: readonly DataFile[];
  /** SELECT of `file` (a name without folder) and `pos` of rows that are dead from now on, or were before. */
  readonly dead?: string;
}

/** Somebody else was faster; the newest snapshot says what to do. */
export class CommitConflict extends Error {}

/** The table cannot be read as it lies there: parts are missing, or somebody else has changed what we do not understand. */
export class DamagedTable extends Error {}

export function fileName(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1);
}

/** The files of the next snapshot, those that lose rows apart. */
export function filesAfter(before: LakeSnapshot | undefined, change: TableChange): DataFile[] {
  const removed = new Set(change.removed?.map(({ name }) => name));
  const kept = (before?.files ?? []).filter(({ name }) => !removed.has(name));
  return [...kept, ...(change.added ?? [])];
}
