import { randomBytes } from 'node:crypto';
import { quoteIdentifier } from '../../engine/sql-quote.ts';
import { CdcError } from '../../errors.ts';
import type { Logger } from '../../ops/logger.ts';
import type { DataFiles } from './data-files.ts';
import { fileColumns } from './lake-queries.ts';
import type { ObjectStore } from './store/object-store.ts';
import {
  CommitConflict,
  DamagedTable,
  type DataFile,
  type LakeSchema,
  type LakeSnapshot,
  type TableFormat,
} from './table-format.ts';

export interface MaintenanceOptions {
  readonly fileBytes: number;
  readonly compactFiles: number;
  readonly keepHours: number;
  readonly logger: Logger;
}

interface MaintenanceSetup extends MaintenanceOptions {
  readonly store: ObjectStore;
  readonly root: string;
  readonly format: TableFormat;
  readonly files: DataFiles;
}

/** From this share of dead rows on a file is written anew. */
const deadShare = 0.3;
/** From this share of the base on its deltas are merged into it. */
const deltaShare = 0.5;
/** Lists of files that are not needed, named by the time in ms when that was found. */
const listFolder = '_removed/';
const listName = /_removed\/(\d+)-[0-9a-f]+\.json$/;
/** How often files are looked for that nobody needs. */
const cleanMs = 10 * 60_000;

/**
 * Keeps the files of a table few and its dead rows fewer. Small files become one, files with many dead rows are written anew, each
 * time in a commit of its own that changes no row; what is no longer current goes when `keepHours` are over.
 */
export class Maintenance {
  readonly #setup: MaintenanceSetup;
  #cleanedAt = 0;

  constructor(setup: MaintenanceSetup) {
    this.#setup = setup;
  }

  /** The newest snapshot afterwards; undefined: somebody else has made it. What fails here is tried again after the next batch. */
  async run(snapshot: LakeSnapshot): Promise<LakeSnapshot | undefined> {
    let newest = snapshot;
    try {
      for (let group = this.#due(newest); group !== undefined; group = this.#due(newest)) {
        newest = await this.#compact(newest, group);
      }
      if (Date.now() - this.#cleanedAt >= Math.min(cleanMs, this.#keepMs))
        await this.#clean(newest);
      return newest;
    } catch (error) {
      if (error instanceof CommitConflict) return undefined;
      if (!(error instanceof CdcError || error instanceof DamagedTable)) throw error;
      const { source } = snapshot.table;
      this.#setup.logger.warn(
        { table: source, error },
        'Files of a lake were not compacted or removed',
      );
      return undefined;
    }
  }

  /** Files that together are about as large as one should be. */
  groups(files: readonly DataFile[]): DataFile[][] {
    const groups: DataFile[][] = [];
    let bytes = 0;
    for (const file of files) {
      const last = groups.at(-1);
      if (last === undefined || bytes + file.bytes > this.#setup.fileBytes) {
        groups.push([file]);
        bytes = file.bytes;
      } else {
        last.push(file);
        bytes += file.bytes;
      }
    }
    return groups;
  }

  get #keepMs(): number {
    return this.#setup.keepHours * 3600_000;
  }

  #due({ files }: LakeSnapshot): DataFile[] | undefined {
    const folders = new Map<string, DataFile[]>();
    for (const file of files) {
      const folder = file.name.slice(0, file.name.lastIndexOf('/') + 1);
      folders.set(folder, [...(folders.get(folder) ?? []), file]);
    }
    const choose = this.#setup.format.knowsDeadRows ? this.#dueByRows : this.#dueByBase;
    for (const inFolder of folders.values()) {
      const due = choose.call(this, inFolder);
      if (due !== undefined) return due;
    }
    return undefined;
  }

  #dueByRows(files: readonly DataFile[]): DataFile[] | undefined {
    const { fileBytes, compactFiles } = this.#setup;
    const isSmall = ({ bytes }: DataFile) => bytes < fileBytes / 2;
    const small = files.filter(isSmall);
    if (small.length >= compactFiles) return this.groups(small).find(({ length }) => length > 1);
    const worn = files.find((file) => !isSmall(file) && file.deadRows > file.rows * deadShare);
    return worn && [worn];
  }

  /** Small deltas become one delta; when the deltas have grown large beside the base, everything becomes a new base. */
  #dueByBase(files: readonly DataFile[]): DataFile[] | undefined {
    const { fileBytes, compactFiles } = this.#setup;
    const deltas = files.filter(({ isBase }) => !isBase);
    if (deltas.length < compactFiles) return undefined;
    const bytesOf = (some: readonly DataFile[]) => some.reduce((sum, { bytes }) => sum + bytes, 0);
    const base = bytesOf(files) - bytesOf(deltas);
    if (bytesOf(deltas) >= base * deltaShare) return [...files];
    const small = deltas.filter(({ bytes }) => bytes < fileBytes / 2);
    return small.length >= compactFiles ? small : undefined;
  }

  async #compact(snapshot: LakeSnapshot, files: readonly DataFile[]): Promise<LakeSnapshot> {
    const { format } = this.#setup;
    const { table, version } = snapshot;
    const first = files[0]?.name ?? '';
    const isBase =
      format.knowsDeadRows ||
      files.some((file) => file.isBase) ||
      this.#isWholeFolder(snapshot, files);
    const made = {
      version: version + 1,
      label: 'compact',
      isBase,
      partition: first.slice(format.dataFolder.length, first.lastIndexOf('/') + 1),
    };
    const added: DataFile[] = [];
    for (const share of this.#shares(table, files)) {
      const rows = await format.survivors(snapshot, files, fileColumns(table), share);
      const file = await this.#setup.files.write(rows, table, made);
      if (file !== undefined) added.push(file);
    }
    return format.commit(snapshot, { operation: 'compact', removed: files, added });
  }

  /** Conditions over keys that divide the rows of large files. */
  #shares({ key }: LakeSchema, files: readonly DataFile[]): (string | undefined)[] {
    const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
    const count = Math.ceil(bytes / this.#setup.fileBytes);
    if (count <= 1) return [undefined];
    const hash = `cityHash64(${key.map(quoteIdentifier).join(', ')})`;
    return Array.from({ length: count }, (_, index) => `${hash} % ${count} = ${index}`);
  }

  #isWholeFolder({ files }: LakeSnapshot, some: readonly DataFile[]): boolean {
    const folder = (some[0]?.name ?? '').replace(/[^/]*$/, '');
    return files.filter(({ name }) => name.replace(/[^/]*$/, '') === folder).length === some.length;
  }

  /**
   * Removes files that the newest snapshot has not needed for `keepHours`: what was taken out of it, and what a crash has kept from
   * getting in. Since when is remembered in lists. The oldest go first, so that readers of plain files never meet a row
   * whose deletion is gone already.
   */
  async #clean(snapshot: LakeSnapshot): Promise<void> {
    const { store, root, format } = this.#setup;
    const now = Date.now();
    const before = now - this.#keepMs;
    await format.expire(snapshot, before);
    const needed = format.references(snapshot);
    const names = (await store.list(root)).map(({ name }) => name);
    const since = new Map<string, number>();
    const dueLists: string[] = [];
    for (const name of names) {
      const at = Number(listName.exec(name)?.[1] ?? Number.NaN);
      if (Number.isNaN(at)) continue;
      if (at <= before) dueLists.push(name);
      const body = await store.get(name);
      const listed = JSON.parse(body?.toString('utf8') ?? '[]') as string[];
      for (const each of listed) since.set(each, Math.min(at, since.get(each) ?? at));
    }
    const unneeded = names
      .map((name) => name.slice(root.length))
      .filter((name) => isDataFile(name) && !needed.has(name));
    const found = unneeded.filter((name) => !since.has(name));
    for (const name of unneeded) {
      if ((since.get(name) ?? now) <= before) await store.delete(`${root}${name}`);
    }
    if (found.length > 0 && now > before) {
      const list = `${root}${listFolder}${now}-${randomBytes(4).toString('hex')}.json`;
      await store.put(list, Buffer.from(JSON.stringify(found)));
    }
    for (const name of dueLists) await store.delete(name);
    this.#cleanedAt = now;
  }
}

function isDataFile(name: string): boolean {
  return /\.(parquet|bin)$/.test(name) && !name.startsWith('_delta_log/');
}
