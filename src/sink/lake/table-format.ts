import type { Progress } from '../sink.ts';

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
  /** The newest snapshot in the store; undefined: no table. */
  read(): Promise<LakeSnapshot | undefined>;
  /** Throws `CommitConflict` when somebody else has made the next snapshot. */
  commit(before: LakeSnapshot | undefined, change: TableChange): Promise<LakeSnapshot>;
  /**
   * SELECT of `file` (name without folder) and `pos` of the rows of these files that are dead, as the snapshot says; undefined: none,
   * or the format does not say.
   */
  deadRows(snapshot: LakeSnapshot, files: readonly DataFile[]): Promise<string | undefined>;
  /** Names of files of the log that nobody needs any more are removed; `before` in ms. */
  expire(snapshot: LakeSnapshot, before: number): Promise<void>;
  /** Names of all files that the log, of now or of before, refers to: they are not to be removed. */
  references(snapshot: LakeSnapshot): Promise<ReadonlySet<string>>;
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
}

export interface LakeColumn {
  /** The same as long as the column lives. */
  readonly id: number;
  readonly name: string;
  readonly type: LakeType;
  readonly comment?: string;
}

/** As Delta names them; `timestamp` is in UTC, `timestamp_ntz` the wall clock. */
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
  /** Deletions, and rows older than others, are not in it, at least not at the time it was made. */
  readonly isBase: boolean;
}

export interface TableChange {
  readonly operation: 'create' | 'alter' | 'write' | 'sweep' | 'compact';
  readonly table?: LakeSchema;
  readonly progress?: Progress;
  readonly added?: readonly DataFile[];
  readonly removed?: readonly DataFile[];
  /** Rows that were not dead before. */
  readonly dead?: NewlyDead;
}

export interface NewlyDead {
  /** SELECT of `file` and `pos`, among files of the snapshot and added ones. */
  readonly query: string;
  /** How many of each file, by its name without folder; no file without. */
  readonly counts: ReadonlyMap<string, number>;
}

/** Somebody else was faster; the newest snapshot says what to do. */
export class CommitConflict extends Error {}

export function fileName(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1);
}

/** The files of the next snapshot. */
export function filesAfter(before: LakeSnapshot | undefined, change: TableChange): DataFile[] {
  const removed = new Set(change.removed?.map(({ name }) => name));
  const kept = (before?.files ?? []).filter(({ name }) => !removed.has(name));
  return [...kept, ...(change.added ?? [])].map((file) => {
    const more = change.dead?.counts.get(fileName(file.name)) ?? 0;
    return more === 0 ? file : { ...file, deadRows: file.deadRows + more };
  });
}
