import { deletedColumn, versionColumn } from '../../../change/table-schema.ts';
import { quoteIdentifier } from '../../../engine/sql-quote.ts';
import { filesSql } from '../lake-queries.ts';
import { logFiles } from '../log-files.ts';
import type { ColumnAnnotation } from '../parquet/footer.ts';
import type { ObjectStore } from '../store/object-store.ts';
import {
  CommitConflict,
  type DataFile,
  filesAfter,
  type LakeSchema,
  type LakeSnapshot,
  type TableChange,
  type TableFormat,
} from '../table-format.ts';
import { annotationOf } from '../type-map.ts';

const folder = '_manifest/';
/** Manifests that stay whatever their age. */
const kept = 5;

/**
 * Plain Parquet files: `data/[p_date=.../]*.parquet`, and the snapshots beside them, `_manifest/<number>.json`, each with all files
 * of the table. Readers need no manifest: whichever files of the folder they see, the newest version of each key is its row.
 */
export class ManifestFormat implements TableFormat {
  readonly dataFolder = 'data/';
  readonly knowsDeadRows = false;
  readonly #store: ObjectStore;
  readonly #root: string;

  constructor(store: ObjectStore, root: string) {
    this.#store = store;
    this.#root = root;
  }

  annotations({ columns }: LakeSchema): ReadonlyMap<string, ColumnAnnotation> {
    return new Map(columns.map((column) => [column.name, annotationOf(column, false)]));
  }

  async read(): Promise<LakeSnapshot | undefined> {
    const newest = (await this.#manifests()).at(-1);
    const body = newest && (await this.#store.get(newest.name));
    return body === undefined ? undefined : (JSON.parse(body.toString('utf8')) as LakeSnapshot);
  }

  async commit(before: LakeSnapshot | undefined, change: TableChange): Promise<LakeSnapshot> {
    const table = change.table ?? before?.table;
    if (table === undefined) throw new TypeError('the first snapshot names the table');
    const after: LakeSnapshot = {
      version: (before?.version ?? -1) + 1,
      table,
      progress: change.progress ?? before?.progress,
      files: filesAfter(before, change),
    };
    const name = `${this.#root}${folder}${String(after.version).padStart(20, '0')}.json`;
    const body = Buffer.from(JSON.stringify(after));
    if (!(await this.#store.putIfAbsent(name, body))) throw new CommitConflict();
    return after;
  }

  /** A deletion has to stay as long as there may be an older row in a file that is not among these. */
  async survivors(
    { table, files: all }: LakeSnapshot,
    files: readonly DataFile[],
    columns: string,
    where?: string,
  ): Promise<string> {
    const key = table.key.map(quoteIdentifier).join(', ');
    const rows = filesSql(this.#store, this.#root, table, files);
    const order = `${key}, ${versionColumn} DESC, ${deletedColumn} DESC, _file DESC`;
    const only = where === undefined ? '' : ` WHERE ${where}`;
    const newest = `SELECT *, _file FROM ${rows}${only} ORDER BY ${order} LIMIT 1 BY ${key}`;
    const current = files.length === all.length ? ` WHERE NOT ${deletedColumn}` : '';
    return `SELECT ${columns} FROM (${newest})${current}`;
  }

  async expire(_snapshot: LakeSnapshot, before: number): Promise<void> {
    for (const { name, writtenAt } of (await this.#manifests()).slice(0, -kept)) {
      if (writtenAt < before) await this.#store.delete(name);
    }
  }

  references({ files }: LakeSnapshot): ReadonlySet<string> {
    return new Set(files.map(({ name }) => name));
  }

  #manifests() {
    return logFiles(this.#store, `${this.#root}${folder}`, /^(\d{20})\.json$/);
  }
}
