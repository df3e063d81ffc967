import { randomUUID } from 'node:crypto';
import type { ObjectStore } from '../lake/store/object-store.ts';
import type { Progress } from '../sink.ts';

/**
 * What is known of a table, in one small file beside its data: a new one for each change, with the next number, that nobody has
 * written yet. So two processes cannot go on from the same place, and nobody reads half a state.
 */
export interface TableState {
  readonly source: string;
  readonly comment?: string;
  /** Names as Hive has them, in key order. */
  readonly key: readonly string[];
  /** Of the view. */
  readonly columns: readonly StateColumn[];
  /** Of the view, and of bases from the next compaction on. */
  readonly partition?: Partition;
  /** At most one base, then deltas from old to new; the last one is written to. */
  readonly parts: readonly TablePart[];
  readonly nextPart: number;
  /** Parts that were begun; unless they are among `parts`, whoever began them has stopped on the way. */
  readonly begun: readonly BegunPart[];
  /** What queries that began earlier may still read. */
  readonly retired: readonly RetiredPart[];
  readonly progress?: Progress;
}

export interface StateColumn {
  readonly name: string;
  /** Of Hive. */
  readonly type: string;
  readonly comment?: string;
}

/** Partitions by a column's value, or by when a row was written. */
export interface Partition {
  /** Name of the partition column. */
  readonly name: string;
  /** Absent: the time of writing, UTC. */
  readonly column?: string;
  readonly by: 'value' | 'year' | 'month' | 'day' | 'hour';
}

/** A table of Hive with its own folder, which nobody changes when the next one has begun. */
export interface TablePart extends BegunPart {
  /** Its table's columns with their types there; those that the view has lost are not among them. */
  readonly columns: readonly StateColumn[];
  /** Rows with a smaller version are deleted. */
  readonly below?: string;
  /** Of a base: how its table is partitioned. */
  readonly partition?: Partition;
  readonly files: number;
  readonly bytes: number;
}

export interface BegunPart {
  readonly id: number;
  readonly kind: 'base' | 'delta';
}

export interface RetiredPart {
  /** Below the sink's folder, with their `/`. */
  readonly folders: readonly string[];
  /** Hive's table of the part, if it goes too. */
  readonly part?: BegunPart;
  /** ms since 1970. */
  readonly at: number;
}

type Files = Pick<ObjectStore, 'list' | 'folders' | 'get' | 'putIfAbsent' | 'delete'>;

const folderName = '_state';

/** A state with its place in the order of states. */
export interface StoredState {
  readonly state: TableState;
  readonly revision: number;
}

/** The state files of all tables of a sink. */
export class StateFiles {
  readonly #files: Files;

  constructor(files: Files) {
    this.#files = files;
  }

  /** Names of the tables that have a folder. */
  targets(): Promise<readonly string[]> {
    return this.#files.folders('');
  }

  async read(target: string): Promise<StoredState | undefined> {
    for (;;) {
      const latest = (await this.#revisions(target)).at(-1);
      if (latest === undefined) return undefined;
      const text = await this.#files.get(this.#name(target, latest));
      // Gone: a newer one has come meanwhile.
      if (text === undefined) continue;
      const { state } = JSON.parse(text.toString('utf8')) as { state: TableState };
      return { state, revision: latest };
    }
  }

  /** Undefined: somebody else has written a state since `revision` (0: there was none). */
  async write(
    target: string,
    state: TableState,
    revision: number,
  ): Promise<StoredState | undefined> {
    const next = revision + 1;
    // Something random, so that a store that repeats a write knows its own.
    const body = Buffer.from(JSON.stringify({ state, writer: randomUUID() }));
    if (!(await this.#files.putIfAbsent(this.#name(target, next), body))) return undefined;
    // Old ones are deleted, so that a process that is far behind finds its number free.
    const revisions = await this.#revisions(target);
    if (revisions.some((each) => each > next)) {
      await this.#files.delete(this.#name(target, next));
      return undefined;
    }
    for (const each of revisions) {
      if (each < next) await this.#files.delete(this.#name(target, each));
    }
    return { state, revision: next };
  }

  async #revisions(target: string): Promise<number[]> {
    const files = await this.#files.list(`${target}/${folderName}/`);
    return files
      .map(({ name }) => /(\d+)\.json$/.exec(name)?.[1])
      .filter((digits) => digits !== undefined)
      .map(Number)
      .sort((a, b) => a - b);
  }

  #name(target: string, revision: number): string {
    return `${target}/${folderName}/${String(revision).padStart(15, '0')}.json`;
  }
}

/** Folder of a part below the sink's folder, with its `/`. */
export function partFolder(target: string, { id, kind }: BegunPart): string {
  return `${target}/${kind}_${id}/`;
}
